// Plays a WAV while it arrives, and keeps it.

const HEADER_BYTES = 44;
const LEAD_SECONDS = 0.05; // what the first piece waits, so that a late second one leaves no gap

/** 16-bit mono WAV from a stream: yields Int16Array pieces; `rateHz` is known with the first. */
export class WavReader {
  #reader;
  rateHz = 0;

  constructor(stream) {
    this.#reader = stream.getReader();
  }

  async *pieces() {
    let rest = new Uint8Array(0);
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      let bytes = new Uint8Array(rest.length + value.length);
      bytes.set(rest);
      bytes.set(value, rest.length);
      if (!this.rateHz) {
        if (bytes.length <= HEADER_BYTES) {
          rest = bytes;
          continue;
        }
        this.rateHz = new DataView(bytes.buffer).getUint32(24, true);
        bytes = bytes.slice(HEADER_BYTES);
      }
      const whole = bytes.length - (bytes.length % 2);
      rest = bytes.slice(whole);
      if (whole) yield new Int16Array(bytes.buffer, 0, whole / 2);
    }
  }
}

/** Float samples in ±1 of 16-bit ones. */
export function toFloat(samples) {
  const floats = new Float32Array(samples.length);
  for (let i = 0; i < floats.length; i += 1) floats[i] = samples[i] / 32768;
  return floats;
}

/** Speech that sounds as soon as its first piece is there. */
export class Player {
  #context = new AudioContext();
  #sources = new Set();
  #begin = 0; // times of the context, in seconds
  #end = 0;

  /** Sound one piece after what was given before. */
  play(samples, rateHz) {
    const buffer = this.#context.createBuffer(1, samples.length, rateHz);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#context.destination);
    if (!this.#end) this.#begin = this.#end = this.#context.currentTime + LEAD_SECONDS;
    const late = this.#context.currentTime - this.#end;
    if (late > 0) {
      this.#begin += late;
      this.#end += late;
    }
    source.start(this.#end);
    this.#end += buffer.duration;
    this.#sources.add(source);
    source.onended = () => this.#sources.delete(source);
  }

  /** How many seconds of the speech have sounded. */
  get seconds() {
    return Math.max(0, Math.min(this.#context.currentTime, this.#end) - this.#begin);
  }

  get isDone() {
    return this.#end > 0 && this.#context.currentTime >= this.#end;
  }

  close() {
    for (const source of this.#sources) source.stop();
    this.#sources.clear();
    if (this.#context.state !== "closed") this.#context.close();
  }
}

/** A WAV file of 16-bit pieces. */
export function wavBlob(pieces, rateHz) {
  const nBytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const put = (at, text) => [...text].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  put(0, "RIFF");
  header.setUint32(4, 36 + nBytes, true);
  put(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // mono
  header.setUint32(24, rateHz, true);
  header.setUint32(28, 2 * rateHz, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  put(36, "data");
  header.setUint32(40, nBytes, true);
  return new Blob([header, ...pieces], { type: "audio/wav" });
}
