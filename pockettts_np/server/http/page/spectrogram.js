// A spectrogram that grows with the speech: when it is full, every two columns become one.

const FRAME = 512; // samples
const HOP = 256;
const HIGHEST_HZ = 8000;
const QUIETEST_DB = -85;
const LOUDEST_DB = -10;

// From black over violet and orange to pale yellow: dark to light also for the colour-blind.
const COLOURS = [[11, 7, 36], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

export class Spectrogram {
  #canvas;
  #context;
  #rateHz;
  #rest = new Float32Array(0);
  #columns = []; // of levels in dB, low frequencies first
  #perColumn = 1; // frames
  #sum = null; // of the frames of the column that is being made
  #nSummed = 0;

  constructor(canvas, rateHz) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#rateHz = rateHz;
  }

  /** Take in samples in ±1. */
  add(samples) {
    const all = new Float32Array(this.#rest.length + samples.length);
    all.set(this.#rest);
    all.set(samples, this.#rest.length);
    let at = 0;
    for (; at + FRAME <= all.length; at += HOP) this.#addFrame(levels(all.subarray(at, at + FRAME)));
    this.#rest = all.slice(at);
  }

  #addFrame(frame) {
    this.#sum = this.#sum ? this.#sum.map((level, i) => Math.max(level, frame[i])) : frame;
    this.#nSummed += 1;
    if (this.#nSummed < this.#perColumn) return;
    this.#columns.push(this.#sum);
    this.#sum = null;
    this.#nSummed = 0;
    if (this.#columns.length < this.#canvas.width) return;
    this.#columns = this.#columns
      .filter((_, i) => i % 2 === 0)
      .map((column, i) => column.map((level, bin) => Math.max(level, this.#columns[2 * i + 1]?.[bin] ?? level)));
    this.#perColumn *= 2;
  }

  /** Paint everything over the whole width. */
  draw() {
    const { width, height } = this.#canvas;
    const image = this.#context.createImageData(width, height);
    const nBins = Math.floor((HIGHEST_HZ / this.#rateHz) * FRAME);
    for (let x = 0; x < width; x += 1) {
      const column = this.#columns[Math.floor((x * this.#columns.length) / width)];
      for (let y = 0; y < height; y += 1) {
        const level = column ? column[Math.floor(((height - 1 - y) * nBins) / height)] : QUIETEST_DB;
        image.data.set([...colour((level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)), 255], 4 * (y * width + x));
      }
    }
    this.#context.putImageData(image, 0, 0);
  }
}

function colour(share) {
  const at = Math.max(0, Math.min(0.9999, share)) * (COLOURS.length - 1);
  const [low, high] = [COLOURS[Math.floor(at)], COLOURS[Math.floor(at) + 1]];
  return low.map((value, i) => value + (at % 1) * (high[i] - value));
}

/** Levels in dB of FRAME samples under a Hann window, from 0 Hz to half the rate. */
function levels(samples) {
  const real = samples.map((sample, i) => sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME)));
  const imaginary = new Float32Array(FRAME);
  transform(real, imaginary);
  const scale = 4 / FRAME; // a full sine is 0 dB
  return Float32Array.from({ length: FRAME / 2 }, (_, i) =>
    20 * Math.log10(scale * Math.hypot(real[i], imaginary[i]) + 1e-9));
}

/** The discrete Fourier transform of a power of two of samples, in place (Cooley and Tukey, 1965). */
function transform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i += 1) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let half = 1; half < n; half *= 2) {
    for (let k = 0; k < half; k += 1) {
      const cosine = Math.cos((Math.PI * k) / half);
      const sine = -Math.sin((Math.PI * k) / half);
      for (let i = k; i < n; i += 2 * half) {
        const x = real[i + half] * cosine - imaginary[i + half] * sine;
        const y = real[i + half] * sine + imaginary[i + half] * cosine;
        real[i + half] = real[i] - x;
        imaginary[i + half] = imaginary[i] - y;
        real[i] += x;
        imaginary[i] += y;
      }
    }
  }
}
