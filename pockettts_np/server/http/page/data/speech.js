// One speech: what was asked for, and as much of it as has come.

const HEADER_BYTES = 44;

export class Speech {
  #buffer = new Int16Array(1 << 18); // grows by doubling
  nSamples = 0;
  rateHz = 24000;
  words = []; // {word, start, end}, in order
  isComing = true;
  isWhole = false;
  firstMs = undefined; // from the wish to the first sound
  pace = undefined; // seconds of speech made in a second

  /** `wish` as `askForSpeech` takes it. */
  constructor(wish) {
    this.wish = wish;
  }

  add({ samples, rateHz, words }) {
    if (this.nSamples + samples.length > this.#buffer.length) {
      const larger = new Int16Array(2 * (this.nSamples + samples.length));
      larger.set(this.samples(0));
      this.#buffer = larger;
    }
    this.#buffer.set(samples, this.nSamples);
    this.nSamples += samples.length;
    this.rateHz = rateHz || this.rateHz;
    this.words.push(...words);
  }

  /** No more comes: the speech is whole, or it was stopped or cut. */
  end() {
    this.isComing = false;
    this.#buffer = this.#buffer.slice(0, this.nSamples);
  }

  get seconds() {
    return this.nSamples / this.rateHz;
  }

  /** Samples of 16 bits, from one place on: at most `most`. */
  samples(from, most = Infinity) {
    return this.#buffer.subarray(from, Math.min(this.nSamples, from + most));
  }

  /** The number of the word that is spoken at a time, or was last; -1 before the first. */
  wordAt(seconds) {
    let low = 0;
    let high = this.words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.words[middle].start <= seconds) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** A WAV file of what has come. */
  wav() {
    const samples = this.samples(0);
    const header = new DataView(new ArrayBuffer(HEADER_BYTES));
    const put = (at, text) => [...text].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
    put(0, "RIFF");
    header.setUint32(4, 36 + samples.byteLength, true);
    put(8, "WAVEfmt ");
    header.setUint32(16, 16, true);
    header.setUint16(20, 1, true); // PCM
    header.setUint16(22, 1, true); // mono
    header.setUint32(24, this.rateHz, true);
    header.setUint32(28, 2 * this.rateHz, true);
    header.setUint16(32, 2, true);
    header.setUint16(34, 16, true);
    put(36, "data");
    header.setUint32(40, samples.byteLength, true);
    return new Blob([header, samples], { type: "audio/wav" });
  }
}
