// The levels of a short piece of sound by frequency.

export const FRAME = 512; // samples
export const HIGHEST_HZ = 8000;
const QUIETEST_DB = -85;
const LOUDEST_DB = -10;

const WINDOW = Float32Array.from({ length: FRAME }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME)); // Hann
const COSINES = Float32Array.from({ length: FRAME / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / FRAME));
const SINES = Float32Array.from({ length: FRAME / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / FRAME));

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
