// The page: what is typed goes to POST /tts, and what comes back sounds, is shown and is kept while it comes.

import { offerCopies, showExamples } from "./compose/examples.js";
import { takeFiles } from "./compose/files.js";
import { Settings } from "./compose/settings.js";
import { Voices } from "./compose/voices.js";
import { apiKey, recall, remember } from "./data/kept.js";
import { KeyWanted, aboutServer, askForSpeech, giveVoice } from "./data/server.js";
import { Speech } from "./data/speech.js";
import { pieces } from "./data/stream.js";
import { Past } from "./listen/past.js";
import { Player } from "./listen/player.js";
import { Stage } from "./listen/stage.js";

const SAMPLE = 80; // characters, to hear a voice
const byId = (id) => document.getElementById(id);

let server = {}; // what it tells of itself
let making = null; // {speech, controller} of what is coming
const samples = new Map(); // by voice, what it sounds like

const settings = new Settings(showWish);
const voices = new Voices(
  (voice) => report(() => preview(voice)),
  (voice) => report(() => give(voice)),
  showWish,
);
const sampler = new Player(); // of samples, which leave on the stage what is there
const stage = new Stage(() => {
  if (stage.player.isPlaying) sampler.pause(); // one at a time
  showState();
});
const past = new Past((speech) => {
  showSpeech(speech);
  stage.player.play();
});
for (const player of [sampler, stage.player]) player.onEnd = () => tellEnd(player.speech);

function say(text, isError = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("error", isError);
}

/** What went wrong, unless it was the user's wish. */
async function report(work) {
  try {
    await work();
    byId("key-field").hidden = !apiKey.get();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error instanceof KeyWanted) byId("key-field").hidden = false;
    say(error instanceof TypeError ? "The connection to the server was lost." : error.message, true);
  }
}

async function loadServer() {
  server = await aboutServer();
  byId("model").textContent = server.model;
  settings.show(server);
  await voices.show(server);
  if (!byId("text").value) byId("text").value = server.sample_text; // else the user's own, also from before a reload
  say("");
  showWish();
}

/** What the page is set to. */
function wish() {
  const { speed, normalize, sentencePause, paragraphPause } = settings;
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  return { text: byId("text").value, voice: voices.chosen, speed, normalize, sentencePause, paragraphPause, seed };
}

/** Show what depends on the wish: how long the text is, and the examples. */
function showWish() {
  const length = [...byId("text").value].length;
  byId("count").textContent = `${length} of ${server.longest_text ?? "…"} characters`;
  byId("text").setCustomValidity(length > server.longest_text ? "The text is too long." : "");
  showExamples(wish(), settings.format, Boolean(apiKey.get()));
  showState();
}

/** Show what can be done now. */
function showState() {
  const isIdle = !making && !sampler.isPlaying && !stage.player.isPlaying;
  if (isIdle && document.activeElement === byId("stop")) byId("speak").focus(); // which a disabled button would lose
  byId("stop").disabled = isIdle;
  byId("download").disabled = !stage.speech?.nSamples;
  byId("download").textContent = `Download ${isFileOfServer() ? settings.formatName : "WAV"}`;
}

function showSpeech(speech) {
  sampler.pause();
  stage.show(speech);
  past.show(speech);
}

function tellEnd(speech) {
  if (speech.isWhole) say("Done.");
  showState();
}

/** Whether the download is made by the server, in another format, of a speech that is whole. */
function isFileOfServer() {
  return settings.format !== "wav" && Boolean(stage.speech?.isWhole);
}

async function speak() {
  stop();
  const speech = new Speech(wish());
  await perform(speech, stage.player, () => {
    past.add(speech);
    showSpeech(speech);
  });
}

/** Let a voice be heard: the beginning of the text that every model has to try it with. */
async function preview(voice) {
  stop();
  const key = `${voice.file ? "own" : "server"} ${voice.name}`;
  if (samples.get(key)?.isWhole) {
    sampler.load(samples.get(key));
    sampler.play();
    showState();
    return;
  }
  const text = server.sample_text.slice(0, SAMPLE).replace(/(.*[.!?]).*/su, "$1");
  const speech = new Speech({ ...wish(), text, voice });
  samples.set(key, speech);
  await perform(speech, sampler, () => sampler.load(speech));
}

async function give(voice) {
  await giveVoice(voice);
  server = await aboutServer();
  await voices.show(server);
  await voices.remove(voice.name, voice.name);
  say(`${voice.name} is a voice of the server now.`);
  showWish();
}

/** Ask for a speech, play it while it comes, and keep it; of one that is cut or stopped, what has come. */
async function perform(speech, player, onFirst) {
  const controller = new AbortController();
  making = { speech, controller };
  player.wake(); // here, where the click allows it
  say("Waiting for the first sound …");
  showState();
  try {
    await receive(speech, controller.signal, () => {
      say("Speaking …");
      onFirst();
      player.play();
    }, () => player.speech === speech && player.feed());
  } finally {
    speech.end();
    if (making?.speech === speech) making = null;
    if (stage.speech) past.show(stage.speech);
    stage.draw();
    showState();
  }
}

/** Take in a speech; `onFirst` is called with its first samples, `onMore` with all. */
async function receive(speech, signal, onFirst, onMore) {
  const begin = performance.now();
  const elapsed = () => performance.now() - begin;
  const response = await askForSpeech(speech.wish, { withWords: server.word_times, signal });
  for await (const piece of pieces(response)) {
    if (signal.aborted) return;
    speech.add(piece);
    if (speech.firstMs === undefined && speech.nSamples) {
      speech.firstMs = elapsed();
      onFirst();
    }
    onMore();
  }
  if (!speech.nSamples) throw new Error("The server sent no sound.");
  speech.isWhole = true;
  speech.pace = (1000 * speech.seconds) / elapsed();
}

/** Silence, and no more of what is coming. */
function stop() {
  making?.controller.abort();
  making = null;
  sampler.pause();
  stage.player.pause();
  showState();
}

async function download() {
  const { speech } = stage;
  const format = isFileOfServer() ? settings.format : "wav";
  if (format === "wav") return save(speech.wav(), format);
  say(`Making the ${settings.formatName} …`);
  const response = await askForSpeech(speech.wish, { format });
  save(await response.blob(), format);
  say("Done.");
}

function save(blob, format) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: `speech.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function setText(text) {
  byId("text").value = text;
  changeText();
}

function changeText() {
  remember("text", byId("text").value);
  showWish();
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  report(speak);
});
byId("stop").addEventListener("click", () => {
  stop();
  say("Stopped.");
});
byId("download").addEventListener("click", () => report(download));
byId("text").addEventListener("input", changeText);
byId("insert-pause").addEventListener("click", () => {
  const { selectionStart, selectionEnd } = byId("text");
  byId("text").setRangeText(" [pause:1s] ", selectionStart, selectionEnd, "end");
  byId("text").focus();
  changeText();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target !== byId("search")) byId("stop").click();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
});
byId("key").addEventListener("change", () => {
  apiKey.set(byId("key").value);
  report(loadServer);
});
takeFiles(
  (text, name) => {
    setText(text);
    say(`${name} is in the text.`);
  },
  async (file) => {
    await voices.add(file);
    say(`${file.name} is a voice now, and chosen.`);
    showWish();
  },
  (sentence) => say(sentence, true),
);
offerCopies(say);
byId("key").value = apiKey.get();
byId("text").value = recall("text") ?? "";
report(loadServer);
