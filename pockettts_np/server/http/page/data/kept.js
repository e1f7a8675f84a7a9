// What outlives the page: the text and the settings, the key for this tab, and the user's own voices.
// Where the browser keeps nothing, it is lost with the page.

const KEY = "pockettts-api-key";
const DATABASE = "pockettts";
const VOICES = "voices";

function read(storage, name) {
  try {
    return window[storage].getItem(name) ?? "";
  } catch {
    return "";
  }
}

function write(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    // no room, or not allowed
  }
}

/** The API key, for this tab alone. */
export const apiKey = {
  get: () => read("sessionStorage", KEY),
  set: (key) => write("sessionStorage", KEY, key),
};

/** One value by its name, for all visits; `undefined` where there is none. */
export function recall(name) {
  try {
    return JSON.parse(read("localStorage", `pockettts-${name}`));
  } catch {
    return undefined;
  }
}

export function remember(name, value) {
  write("localStorage", `pockettts-${name}`, JSON.stringify(value));
}

let database = null;

/** Do one thing to the user's own voices. */
async function withVoices(mode, work) {
  database ??= await new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(VOICES);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  return new Promise((resolve, reject) => {
    const request = work(database.transaction(VOICES, mode).objectStore(VOICES));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** The files of the user's own voices, by name. */
export async function ownVoices() {
  try {
    const names = await withVoices("readonly", (store) => store.getAllKeys());
    const files = await withVoices("readonly", (store) => store.getAll());
    return new Map(names.map((name, i) => [name, files[i]]));
  } catch {
    return new Map();
  }
}

/** Keep a voice; false where the browser does not. */
export async function keepVoice(name, file) {
  try {
    await withVoices("readwrite", (store) => store.put(file, name));
    return true;
  } catch {
    return false;
  }
}

export async function forgetVoice(name) {
  try {
    await withVoices("readwrite", (store) => store.delete(name));
  } catch {
    // it was not kept
  }
}
