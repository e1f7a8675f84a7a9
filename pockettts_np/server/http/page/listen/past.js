// What was spoken since the page was opened, the last first.

import { clock } from "./spectrogram.js";

const MOST = 30;
const MOST_SECONDS = 3600; // of sound, 170 MB
const SNIPPET = 60; // characters
const byId = (id) => document.getElementById(id);

export class Past {
  #speeches = [];
  #onShow;
  #shown = null;

  /** `onShow` is called with a speech that the user wants back. */
  constructor(onShow) {
    this.#onShow = onShow;
  }

  add(speech) {
    this.#speeches.unshift(speech);
    this.#forgetOldest();
  }

  /** Mark the speech that stands in the player; its length may have changed. */
  show(speech) {
    const hasFocus = byId("past").contains(document.activeElement);
    this.#shown = speech;
    byId("history").hidden = this.#speeches.length < 2;
    byId("past").replaceChildren(...this.#speeches.map((each) => this.#row(each)));
    if (hasFocus) byId("past").querySelector("[aria-current]")?.focus();
  }

  #forgetOldest() {
    let seconds = 0;
    this.#speeches = this.#speeches.filter((speech, i) => {
      seconds += speech.seconds;
      return i === 0 || (i < MOST && seconds < MOST_SECONDS);
    });
  }

  #row(speech) {
    const { text, voice } = speech.wish;
    const row = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link" });
    button.textContent = text.length > SNIPPET ? `${text.slice(0, SNIPPET).trimEnd()} …` : text;
    if (speech === this.#shown) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => this.#onShow(speech));
    const facts = document.createElement("span");
    facts.className = "hint";
    const state = speech.isComing ? ", being made" : speech.isWhole ? "" : ", stopped";
    facts.textContent = `${voice.name}, ${clock(speech.seconds)}${state}`;
    row.append(button, facts);
    return row;
  }
}
