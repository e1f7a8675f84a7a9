// The spectrogram with its axis and the line of what is heard. A worker draws it, see spectrogram-worker.js.

const DETAIL_SECONDS = 10; // shown at once, where the words can be told apart
const STEPS = [0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600]; // seconds between marks of the axis
const MARK_PIXELS = 64; // at least, from one mark to the next
const LABEL_PIXELS = 36; // room for the last one
const AHEAD = 0.1; // of the view, shown before what is heard when it turns over

const byId = (id) => document.getElementById(id);

/** Seconds as a clock shows them: 0:07, 12:30. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export class Spectrogram {
  #worker = null; // none where the browser cannot draw beside the page
  #speech = null;
  #nSent = 0; // samples
  #view = { from: 0, to: 1 }; // seconds
  #isWhole = false; // whether all is shown though it is long

  /** `onSeek` is called with the seconds that the user points at, `onZoom` when more or less is to be shown. */
  constructor(onSeek, onZoom) {
    const canvas = byId("spectrogram");
    if (!canvas.transferControlToOffscreen) {
      byId("figure").hidden = true;
      return;
    }
    this.#worker = new Worker(new URL("./spectrogram-worker.js", import.meta.url), { type: "module" });
    const offscreen = canvas.transferControlToOffscreen();
    this.#worker.postMessage({ action: "show", canvas: offscreen }, [offscreen]);
    new ResizeObserver(() => this.#resize(canvas)).observe(canvas);
    byId("plot").addEventListener("click", (event) => {
      const { left, width } = byId("plot").getBoundingClientRect();
      onSeek(this.#view.from + ((event.clientX - left) / width) * (this.#view.to - this.#view.from));
    });
    byId("zoom").addEventListener("click", () => {
      this.#isWhole = !this.#isWhole;
      byId("zoom").setAttribute("aria-pressed", this.#isWhole);
      onZoom();
    });
  }

  /** Show what there is of a speech, and where it is heard. */
  update(speech, seconds) {
    if (!this.#worker) return;
    if (speech !== this.#speech) this.#begin(speech);
    if (speech.nSamples > this.#nSent) {
      const samples = speech.samples(this.#nSent).slice();
      this.#nSent += samples.length;
      this.#worker.postMessage({ action: "add", samples }, [samples.buffer]);
    }
    this.#look(this.#viewOf(speech, seconds));
    const { from, to } = this.#view;
    byId("playhead").hidden = seconds < from || seconds > to;
    byId("playhead").style.left = `${(100 * (seconds - from)) / (to - from)}%`;
  }

  #begin(speech) {
    this.#speech = speech;
    this.#nSent = 0;
    this.#view = { from: 0, to: 0 };
    this.#worker.postMessage({ action: "begin", rateHz: speech.rateHz });
  }

  /** The whole of a short speech; of a long one, the part around what is heard, which turns over like a page. */
  #viewOf(speech, seconds) {
    const isLong = speech.seconds > DETAIL_SECONDS;
    byId("zoom").hidden = !isLong;
    if (!isLong) return { from: 0, to: Math.max(speech.seconds, 0.1) };
    if (this.#isWhole) return { from: 0, to: speech.isComing ? Math.ceil(speech.seconds) : speech.seconds };
    const isSeen = seconds >= this.#view.from && seconds < this.#view.from + DETAIL_SECONDS;
    const from = isSeen ? this.#view.from : Math.max(0, seconds - AHEAD * DETAIL_SECONDS);
    return { from, to: from + DETAIL_SECONDS };
  }

  #look(view) {
    if (view.from === this.#view.from && view.to === this.#view.to) return;
    this.#view = view;
    this.#worker.postMessage({ action: "view", ...view });
    this.#mark();
  }

  #resize(canvas) {
    const { width, height } = canvas.getBoundingClientRect();
    if (!width) return;
    this.#worker.postMessage({
      action: "size",
      width: Math.round(width * devicePixelRatio),
      height: Math.round(height * devicePixelRatio),
    });
    this.#mark();
  }

  /** Write the times below. */
  #mark() {
    const axis = byId("axis");
    const { from, to } = this.#view;
    const most = Math.max(1, axis.clientWidth / MARK_PIXELS);
    const step = STEPS.find((seconds) => (to - from) / seconds <= most) ?? STEPS.at(-1);
    const marks = [];
    const last = to - (to - from) * (LABEL_PIXELS / axis.clientWidth);
    for (let i = Math.ceil(from / step); i * step <= last; i += 1) {
      const mark = document.createElement("span");
      mark.textContent = step < 1 ? `${(i * step).toFixed(1)} s` : clock(i * step);
      mark.style.left = `${(100 * (i * step - from)) / (to - from)}%`;
      marks.push(mark);
    }
    axis.replaceChildren(...marks);
  }
}
