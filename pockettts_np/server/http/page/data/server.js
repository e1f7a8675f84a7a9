// What the page asks of the server.

import { apiKey } from "./kept.js";

/** A refusal for want of the right key. */
export class KeyWanted extends Error {}

/** An answer of the server. Error: a sentence that says why there is none. */
export async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers() });
  if (response.ok) return response;
  const Kind = response.status === 401 ? KeyWanted : Error;
  throw new Kind(await sentenceOf(response));
}

function headers() {
  const key = apiKey.get().trim();
  if (!/^[!-~]*$/.test(key)) {
    const why = "a key has no spaces, and only the letters, digits and signs of ASCII.";
    throw new KeyWanted(`This cannot be the API key: ${why}`);
  }
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function sentenceOf(response) {
  try {
    const body = await response.json();
    const detail = body.error?.message ?? body.detail;
    if (typeof detail === "string") return detail;
  } catch {
    // no JSON: the status must do
  }
  return `The server answers ${response.status}.`;
}

/** The voices, and what else the server tells of itself. */
export async function aboutServer() {
  const response = await ask("v1/audio/voices");
  return response.json();
}

/** Let the server keep a voice, {name, file}. */
export function giveVoice(voice) {
  const form = new FormData();
  form.set("name", voice.name);
  form.set("file", voice.file, voice.file.name);
  return ask("v1/audio/voices", { method: "POST", body: form });
}

/**
 * Speech, as the user wishes it: {text, voice: {id, file}, speed, normalize, sentencePause, paragraphPause, seed},
 * where an undefined `normalize` is as the server reads. In one file of `format`; or, without one, in pieces that
 * `pieces` understands, with the words if `withWords`.
 */
export function askForSpeech(wish, { format, withWords, signal }) {
  const form = new FormData();
  form.set("text", wish.text);
  if (wish.voice.file) form.set("voice_wav", wish.voice.file, wish.voice.file.name);
  else form.set("voice_url", wish.voice.id);
  form.set("speed", wish.speed);
  form.set("seed", wish.seed);
  if (wish.normalize !== undefined) form.set("normalize", wish.normalize);
  if (wish.sentencePause) form.set("sentence_pause", wish.sentencePause);
  if (wish.paragraphPause) form.set("paragraph_pause", wish.paragraphPause);
  form.set("response_format", format ?? "wav");
  if (!format) form.set("stream_format", "sse");
  if (withWords) form.set("return_timing", true);
  return ask("tts", { method: "POST", body: form, signal });
}
