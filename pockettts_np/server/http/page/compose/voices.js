// The voices to choose from: the server's, by language, and the user's own, which this browser keeps.

import { forgetVoice, keepVoice, ownVoices, recall, remember } from "../data/kept.js";

const OWN = "own:"; // before the name of a voice of the user's
const MANY = 8; // voices, from which on there is a search
const byId = (id) => document.getElementById(id);

export class Voices {
  #served = []; // of the server: {id, name, language}
  #own = new Map(); // name: file
  #chosen = recall("voice") ?? "";
  #isGivable = false; // whether the server takes voices
  #onPreview;
  #onGive;

  /** Called with a voice that the user wants to hear, or to give to the server; when another one is chosen. */
  constructor(onPreview, onGive, onChange) {
    this.#onPreview = onPreview;
    this.#onGive = onGive;
    byId("search").addEventListener("input", () => this.#filter());
    byId("voice-list").addEventListener("change", (event) => {
      this.#choose(event.target.value);
      onChange();
    });
    byId("upload").addEventListener("change", async () => {
      const [file] = byId("upload").files;
      if (file) await this.add(file);
      byId("upload").value = "";
      onChange();
    });
  }

  /** Take in what the server has. */
  async show({ voices, cloning, may_add: isGivable }) {
    this.#served = voices;
    this.#isGivable = isGivable;
    this.#own = await ownVoices();
    byId("upload-hint").textContent = cloning
      ? "A recording of ten to thirty seconds of clear speech, or a saved voice (.safetensors). This browser keeps it."
      : "This model cannot clone recordings; a saved voice (.safetensors) can be used. This browser keeps it.";
    this.#list();
  }

  /** Keep a file as a voice, and choose it. */
  async add(file) {
    const name = file.name.replace(/\.\w+$/, "");
    this.#own.set(name, file);
    await keepVoice(name, file);
    this.#chosen = OWN + name;
    this.#list();
  }

  /** The chosen voice, as a wish takes it. */
  get chosen() {
    return this.#voice(this.#chosen);
  }

  #voice(value) {
    const name = value.slice(OWN.length);
    return value.startsWith(OWN) ? { id: name, name, file: this.#own.get(name) } : { id: value, name: value };
  }

  #choose(value) {
    this.#chosen = value;
    remember("voice", value);
    byId("chosen-voice").textContent = this.chosen.name;
  }

  #list() {
    const groups = new Map([["Yours", []]]);
    for (const name of this.#own.keys()) groups.get("Yours").push(OWN + name);
    for (const { id, language } of this.#served) {
      const title = language ? language[0].toUpperCase() + language.slice(1) : "This server";
      groups.set(title, [...(groups.get(title) ?? []), id]);
    }
    const values = [...groups.values()].flat();
    this.#choose(values.includes(this.#chosen) ? this.#chosen : this.#served[0].id);
    byId("voice-list").replaceChildren(
      ...[...groups].filter(([, group]) => group.length).map(([title, group]) => this.#group(title, group)),
    );
    byId("search-field").hidden = values.length <= MANY;
    this.#filter();
  }

  #group(title, values) {
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = title;
    group.append(legend, ...values.map((value) => this.#row(value)));
    return group;
  }

  #row(value) {
    const { name, file } = this.#voice(value);
    const row = document.createElement("div");
    row.className = "voice";
    const radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "voice", value, id: `voice ${value}`, checked: value === this.#chosen });
    const label = Object.assign(document.createElement("label"), { htmlFor: radio.id, textContent: name });
    row.append(radio, label, button("Listen", name, () => this.#onPreview(this.#voice(value))));
    if (!file) return row;
    if (this.#isGivable) row.append(button("Give to the server", name, () => this.#onGive(this.#voice(value))));
    row.append(button("Remove", name, () => this.remove(name)));
    return row;
  }

  /** Forget a voice of the user's; `instead` is chosen, if the server has it. */
  async remove(name, instead = this.#chosen) {
    this.#own.delete(name);
    await forgetVoice(name);
    this.#chosen = instead;
    this.#list();
    byId("upload").focus();
  }

  #filter() {
    const wanted = byId("search-field").hidden ? "" : byId("search").value.trim().toLowerCase();
    let nFound = 0;
    for (const group of byId("voice-list").children) {
      const isNamed = group.firstChild.textContent.toLowerCase().includes(wanted); // so a language can be searched for
      const rows = [...group.querySelectorAll(".voice")];
      for (const row of rows) row.hidden = !isNamed && !row.textContent.toLowerCase().includes(wanted);
      group.hidden = rows.every((row) => row.hidden);
      nFound += rows.filter((row) => !row.hidden).length;
    }
    byId("n-found").textContent = wanted ? `${nFound} found` : "";
  }
}

function button(text, name, onClick) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className: "small", textContent: text });
  made.setAttribute("aria-label", `${text}: ${name}`);
  made.addEventListener("click", onClick);
  return made;
}
