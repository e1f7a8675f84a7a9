// The text of a speech: the word that is heard is lit, and a click on a word plays from it.

const FARTHEST = 200; // characters after the last word in which the next one is looked for

/** What finds a word in the text that was written: by its letters and digits, whatever marks stand between them. */
export function patternOf(word) {
  const letters = word.match(/[\p{L}\p{M}\p{N}]/gu);
  if (!letters) return new RegExp(word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "u");
  const marks = "[^\\p{L}\\p{M}\\p{N}\\s]*";
  return new RegExp(`${marks}(?<![\\p{L}\\p{M}\\p{N}])${letters.join(marks)}(?![\\p{L}\\p{M}\\p{N}])${marks}`, "u");
}

export class Words {
  #element;
  #hint;
  #speech = null;
  #spans = []; // one a word, or null for a word that the text does not hold
  #rest = null; // the text after the last word that was found
  #lit = -1;

  /** `onSeek` is called with the seconds at which a word begins, `onToggle` to play or pause. */
  constructor(element, hint, onSeek, onToggle) {
    this.#element = element;
    this.#hint = hint;
    element.addEventListener("click", (event) => {
      const i = this.#spans.indexOf(event.target);
      if (i >= 0 && event.target !== element) onSeek(this.#speech.words[i].start);
    });
    element.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === " ") onToggle();
      else if (step && this.#spans.length) onSeek(this.#speech.words[this.#beside(step)].start);
      else return;
      event.preventDefault();
    });
  }

  #beside(step) {
    return Math.max(0, Math.min(this.#lit + step, this.#spans.length - 1));
  }

  /** Show the words that are known of a speech, and light the one that is heard. */
  update(speech, seconds) {
    if (speech !== this.#speech) this.#begin(speech);
    for (const { word } of speech.words.slice(this.#spans.length)) this.#spans.push(this.#found(word));
    this.#element.hidden = this.#hint.hidden = !this.#spans.length;
    this.#light(speech.wordAt(seconds));
  }

  #begin(speech) {
    this.#speech = speech;
    this.#spans = [];
    this.#lit = -1;
    this.#rest = document.createTextNode(speech.wish.text);
    this.#element.replaceChildren(this.#rest);
  }

  /** The next word in the text, as an element of its own. */
  #found(word) {
    const match = patternOf(word).exec(this.#rest.data.slice(0, FARTHEST + 2 * word.length));
    if (!match) return null;
    const span = document.createElement("span");
    const written = this.#rest.splitText(match.index);
    this.#rest = written.splitText(match[0].length);
    span.textContent = match[0];
    written.replaceWith(span);
    return span;
  }

  #light(i) {
    if (i === this.#lit) return;
    this.#spans[this.#lit]?.classList.remove("lit");
    this.#spans[i]?.classList.add("lit");
    this.#lit = i;
    const span = this.#spans[i];
    if (!span) return;
    const { offsetTop: top, offsetHeight: height } = span; // within the element, which scrolls by itself
    const { scrollTop, clientHeight } = this.#element;
    if (top < scrollTop || top + height > scrollTop + clientHeight) this.#element.scrollTop = top - height;
  }
}
