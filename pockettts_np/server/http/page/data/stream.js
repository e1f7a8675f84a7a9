// Takes an answer of the server apart while it comes: into samples, and words with their times.

const HEADER_BYTES = 44;

/** Yields {samples: Int16Array, rateHz, words: [{word, start, end}]}, with times in seconds from the beginning. */
export async function* pieces(response) {
  const wav = new WavParser();
  const isEvents = response.headers.get("Content-Type").startsWith("text/event-stream");
  for await (const { bytes, words } of isEvents ? events(response.body) : plain(response.body)) {
    const samples = wav.samplesOf(bytes);
    if (samples.length || words.length) yield { samples, rateHz: wav.rateHz, words };
  }
}

async function* plain(body) {
  for await (const bytes of chunks(body)) yield { bytes, words: [] };
}

/** OpenAI's server-sent events. Error: the server says that it failed, or breaks off. */
async function* events(body) {
  const decoder = new TextDecoder();
  let rest = "";
  let isDone = false;
  for await (const chunk of chunks(body)) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = JSON.parse(block.replace(/^data: /, ""));
      if (event.type === "error") throw new Error(event.error.message);
      isDone ||= event.type === "speech.audio.done";
      if (event.type === "speech.audio.delta") yield { bytes: fromBase64(event.audio), words: event.words ?? [] };
    }
  }
  if (!isDone) throw new TypeError("The events end without the last one.");
}

async function* chunks(body) {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** 16-bit mono WAV, a few bytes at a time; `rateHz` is known with the first samples. */
class WavParser {
  #rest = new Uint8Array(0); // the header so far, or half a sample
  rateHz = 0;

  samplesOf(more) {
    let bytes = new Uint8Array(this.#rest.length + more.length);
    bytes.set(this.#rest);
    bytes.set(more, this.#rest.length);
    if (!this.rateHz && bytes.length >= HEADER_BYTES) {
      this.rateHz = new DataView(bytes.buffer).getUint32(24, true);
      bytes = bytes.slice(HEADER_BYTES);
    }
    const nWhole = this.rateHz ? bytes.length >> 1 : 0;
    this.#rest = bytes.slice(2 * nWhole);
    return new Int16Array(bytes.buffer, 0, nWhole);
  }
}
