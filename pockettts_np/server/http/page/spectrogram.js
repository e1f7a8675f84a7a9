// A spectrogram that grows with the speech: when it is full, every two columns become one.

const FRAME = 512; // samples
const HOP = 256;
const HIGHEST_HZ = 8000;
const QUIETEST_DB = -85;
const LOUDEST_DB = -10;

// From black over violet and orange to pale yellow: dark to light also for the colour-blind.
const COLOURS = [[11, 7, 36], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
const PALETTE = Uint8ClampedArray.from({ length: 4 * 256 }, (_, i) => {
  const at = Math.min(0.9999, (i >> 2) / 255) * (COLOURS.length - 1);
  const [low, high] = [COLOURS[Math.floor(at)], COLOURS[Math.floor(at) + 1]];
  return i % 4 === 3 ? 255 : low[i % 4] + (at % 1) * (high[i % 4] - low[i % 4]);
});
const WINDOW = Float32Array.from({ length: FRAME }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME)); // Hann
const COSINES = Float32Array.from({ length: FRAME / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / FRAME));
const SINES = Float32Array.from({ length: FRAME / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / FRAME));

export class Spectrogram {
  #context;
  #width; // columns that there is room for
  #nBins; // of a frame, from 0 Hz to HIGHEST_HZ
  #painted; // one pixel a column and bin
  #rest = new Float32Array(0);
  #columns = []; // of levels, low frequencies first
  #nPainted = 0;
  #perColumn = 1; // frames
  #sum = null; // of the frames of the column that is being made
  #nSummed = 0;

  constructor(canvas, rateHz) {
    this.#context = canvas.getContext("2d");
    this.#width = canvas.width;
    this.#nBins = Math.floor((HIGHEST_HZ / rateHz) * FRAME);
    this.#painted = document.createElement("canvas");
    this.#painted.width = this.#width;
    this.#painted.height = this.#nBins;
  }

  /** Take in samples in ±1. */
  add(samples) {
    const all = new Float32Array(this.#rest.length + samples.length);
    all.set(this.#rest);
    all.set(samples, this.#rest.length);
    let at = 0;
    for (; at + FRAME <= all.length; at += HOP) this.#addFrame(levels(all.subarray(at, at + FRAME), this.#nBins));
    this.#rest = all.slice(at);
  }

  #addFrame(frame) {
    this.#sum = this.#sum ? louder(this.#sum, frame) : frame;
    this.#nSummed += 1;
    if (this.#nSummed < this.#perColumn) return;
    this.#columns.push(this.#sum);
    this.#sum = null;
    this.#nSummed = 0;
    if (this.#columns.length < this.#width) return;
    const halves = [];
    for (let i = 0; i + 1 < this.#columns.length; i += 2) halves.push(louder(this.#columns[i], this.#columns[i + 1]));
    this.#columns = halves;
    this.#nPainted = 0;
    this.#perColumn *= 2;
  }

  /** Paint what is new, and stretch everything over the whole width. */
  draw() {
    const nNew = this.#columns.length - this.#nPainted;
    if (nNew > 0) {
      const image = new ImageData(nNew, this.#nBins);
      for (let x = 0; x < nNew; x += 1) {
        const column = this.#columns[this.#nPainted + x];
        for (let bin = 0; bin < this.#nBins; bin += 1) {
          const at = 4 * ((this.#nBins - 1 - bin) * nNew + x);
          const from = 4 * column[bin];
          for (let i = 0; i < 4; i += 1) image.data[at + i] = PALETTE[from + i];
        }
      }
      this.#painted.getContext("2d").putImageData(image, this.#nPainted, 0);
      this.#nPainted += nNew;
    }
    if (!this.#nPainted) return;
    const { width, height } = this.#context.canvas;
    this.#context.imageSmoothingEnabled = false;
    this.#context.drawImage(this.#painted, 0, 0, this.#nPainted, this.#nBins, 0, 0, width, height);
  }
}

function louder(one, other) {
  return one.map((level, bin) => Math.max(level, other[bin]));
}

/** Levels of FRAME samples, from 0 Hz on: 0 is QUIETEST_DB or less, 255 is LOUDEST_DB or more; a full sine is 0 dB. */
export function levels(samples, nBins) {
  const real = samples.map((sample, i) => sample * WINDOW[i]);
  const imaginary = new Float32Array(FRAME);
  transform(real, imaginary);
  const scale = 255 / (LOUDEST_DB - QUIETEST_DB);
  const result = new Uint8ClampedArray(nBins);
  for (let i = 0; i < nBins; i += 1) {
    const power = (4 / FRAME) ** 2 * (real[i] ** 2 + imaginary[i] ** 2);
    result[i] = scale * (10 * Math.log10(power + 1e-18) - QUIETEST_DB);
  }
  return result;
}

/** The discrete Fourier transform of FRAME samples, in place (Cooley and Tukey, 1965). */
function transform(real, imaginary) {
  for (let i = 1, j = 0; i < FRAME; i += 1) {
    let bit = FRAME >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      const swapped = real[i];
      real[i] = real[j];
      real[j] = swapped;
    }
  }
  for (let half = 1; half < FRAME; half *= 2) {
    const step = FRAME / (2 * half);
    for (let begin = 0; begin < FRAME; begin += 2 * half) {
      for (let k = 0; k < half; k += 1) {
        const low = begin + k;
        const high = low + half;
        const cosine = COSINES[k * step];
        const sine = SINES[k * step];
        const x = real[high] * cosine - imaginary[high] * sine;
        const y = real[high] * sine + imaginary[high] * cosine;
        real[high] = real[low] - x;
        imaginary[high] = imaginary[low] - y;
        real[low] += x;
        imaginary[low] += y;
      }
    }
  }
}
