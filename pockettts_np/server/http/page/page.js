// The page: what is typed goes to POST /tts, and what comes back sounds while it comes.

import { Player, WavReader, toFloat, wavBlob } from "./player.js";
import { Spectrogram } from "./spectrogram.js";

const KEY = "pockettts-api-key";
const TEXT = "pockettts-text";
const byId = (id) => document.getElementById(id);
const seconds = (value) => `${value.toFixed(1)} s`;

let longestText = Infinity;
let player = null;
let controller = null;
let objectUrl = null;

function say(text, isError = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("error", isError);
}

/** What was kept for this tab, also where the browser keeps nothing. */
const kept = {
  get: (name) => {
    try {
      return sessionStorage.getItem(name) ?? "";
    } catch {
      return "";
    }
  },
  set: (name, value) => {
    try {
      sessionStorage.setItem(name, value);
    } catch {
      // then it is lost with the page
    }
  },
};

function headers() {
  const key = byId("key").value.trim();
  if (!/^[!-~]*$/.test(key)) {
    byId("key-field").hidden = false;
    throw new Error("This cannot be the API key: a key has no spaces, and only the letters, digits and signs of ASCII.");
  }
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Throw what the server says where it refuses, and ask for the key where it wants one. */
async function requireOk(response) {
  byId("key-field").hidden = response.status !== 401 && !byId("key").value;
  if (!response.ok) throw new Error(await sentenceOf(response));
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

async function loadVoices() {
  const response = await fetch("v1/audio/voices", { headers: headers() });
  await requireOk(response);
  const { voices, cloning, model, sample_text: sample, longest_text: longest } = await response.json();
  const chosen = byId("voice").value;
  byId("voice").replaceChildren(...voices.map(({ id, name }) => new Option(name, id)));
  if (voices.some(({ id }) => id === chosen)) byId("voice").value = chosen;
  byId("model").textContent = model;
  byId("upload-hint").textContent = cloning
    ? "A recording of ten to thirty seconds of clear speech, or a saved voice (.safetensors)."
    : "This model cannot clone recordings; a saved voice (.safetensors) can be used.";
  longestText = longest;
  if (!byId("text").value) byId("text").value = sample; // else the user's own, also from before a reload
  count();
  say("");
}

function count() {
  const length = [...byId("text").value].length;
  byId("count").textContent = `${length} of ${longestText} characters`;
  byId("text").setCustomValidity(length > longestText ? "The text is too long." : "");
}

function form() {
  const data = new FormData();
  data.set("text", byId("text").value);
  const [file] = byId("upload").files;
  if (file) data.set("voice_wav", file);
  else data.set("voice_url", byId("voice").value);
  return data;
}

function showUpload() {
  const isChosen = byId("upload").files.length > 0;
  byId("voice").disabled = isChosen;
  byId("remove").hidden = !isChosen;
}

function setBusy(isBusy) {
  byId("speak").disabled = isBusy;
  byId("stop").disabled = !isBusy;
}

async function speak() {
  stop();
  byId("audio").pause();
  setBusy(true);
  say("Waiting for the first sound …");
  player = new Player(); // here, where the click allows it
  controller = new AbortController();
  const { signal } = controller;
  const begin = performance.now();
  const response = await fetch("tts", { method: "POST", body: form(), headers: headers(), signal });
  await requireOk(response);
  await receive(response, begin, signal);
}

/** Play, draw and keep a speech while it comes; of one that is cut or stopped, what has come. */
async function receive(response, begin, signal) {
  const reader = new WavReader(response.body);
  const pieces = [];
  const current = player;
  let spectrogram = null;
  let nSamples = 0;
  let drawn = 0;
  try {
    for await (const piece of reader.pieces()) {
      if (signal.aborted) break;
      if (!spectrogram) {
        spectrogram = new Spectrogram(byId("spectrogram"), reader.rateHz);
        byId("first").textContent = `${Math.round(performance.now() - begin)} ms`;
        byId("speed").textContent = "–";
        byId("result").hidden = false;
        byId("keep").hidden = true;
        say("Speaking …");
        follow(current, () => nSamples / reader.rateHz);
      }
      pieces.push(piece);
      nSamples += piece.length;
      const samples = toFloat(piece);
      current.play(samples, reader.rateHz);
      spectrogram.add(samples);
      if (performance.now() - drawn > 100) {
        byId("length").textContent = byId("end").textContent = seconds(nSamples / reader.rateHz);
        spectrogram.draw();
        drawn = performance.now();
      }
    }
    if (!spectrogram) throw new Error("The server sent no sound.");
    const realTime = nSamples / reader.rateHz / ((performance.now() - begin) / 1000);
    byId("speed").textContent = `${realTime.toFixed(1)} ×`;
  } finally {
    if (spectrogram) {
      byId("length").textContent = byId("end").textContent = seconds(nSamples / reader.rateHz);
      spectrogram.draw();
      offer(wavBlob(pieces, reader.rateHz));
    }
  }
}

/** Move the line over the spectrogram until the speech has sounded. */
function follow(current, length) {
  const head = byId("playhead");
  const step = () => {
    if (current !== player) return;
    head.hidden = current.isDone;
    head.style.left = `${(100 * current.seconds) / length()}%`;
    if (current.isDone && !byId("keep").hidden) end("Done.");
    else requestAnimationFrame(step);
  };
  step();
}

function offer(blob) {
  if (objectUrl) URL.revokeObjectURL(objectUrl);
  objectUrl = URL.createObjectURL(blob);
  byId("audio").src = byId("download").href = objectUrl;
  byId("keep").hidden = false;
}

/** Silence, and no more of what is coming. */
function stop() {
  controller?.abort();
  player?.close();
  controller = player = null;
  byId("playhead").hidden = true;
  setBusy(false);
}

function end(text) {
  stop();
  say(text);
}

/** What went wrong, unless it was the user's wish. */
async function report(work) {
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    stop();
    say(error instanceof TypeError ? "The connection to the server was lost." : error.message, true);
  }
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  report(speak);
});
byId("stop").addEventListener("click", () => end("Stopped."));
byId("text").addEventListener("input", () => {
  kept.set(TEXT, byId("text").value);
  count();
});
byId("audio").addEventListener("play", () => {
  if (player) end("Done."); // else the speech would sound twice
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
});
byId("upload").addEventListener("change", showUpload);
byId("remove").addEventListener("click", () => {
  byId("upload").value = "";
  showUpload();
});
byId("key").addEventListener("change", () => {
  kept.set(KEY, byId("key").value);
  report(loadVoices);
});
byId("key").value = kept.get(KEY);
byId("text").value = kept.get(TEXT);
report(loadVoices);
