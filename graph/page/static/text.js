// Data, addresses, and texts from elsewhere as text nodes.

const { h, render, Fragment } = preact;
const { useState, useEffect, useLayoutEffect, useMemo, useRef, useId } = hooks;
const html = htm.bind(h);

performance.mark("errata:script");

// Data: gzipped JSON in this file, or asked of the server that made this page.

const how = JSON.parse(document.getElementById("how").textContent);
const held = new Map();

async function read(name) {
  if (how.served) {
    const answer = await fetch(name === "index" ? "index" : `shard/${name}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer.json();
  }
  const block = document.getElementById(name === "index" ? name : `s-${name}`);
  if (!block) throw new Error(`${name} is not in this file`);
  const base64 = block.textContent;
  const bytes = Uint8Array.fromBase64
    ? Uint8Array.fromBase64(base64)
    : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

function shard(name) {
  if (!held.has(name)) {
    const one = { texts: null, error: null };
    one.ready = read(name).then(
      (found) => { one.texts = found.texts; },
      (error) => { one.error = String(error.message || error); },
    );
    held.set(name, one);
  }
  return held.get(name);
}

function forget() {
  held.clear();
}

/** Texts of some places of a kind: place → text, as far as they are here. */
function useTexts(run, kind, places, allowed = true) {
  const [, again] = useState(0);
  const size = run.per_shard;
  const names = allowed ? [...new Set(places.map((at) => Math.floor(at / size)))] : [];
  const missing = names.map((number) => shard(`${run.at}-${kind}-${number}`)).filter((one) => !one.texts && !one.error);
  useEffect(() => {
    let on = true; // what came between drawing and now counts as well
    for (const one of missing) one.ready.then(() => on && again((n) => n + 1));
    return () => { on = false; };
  }, [`${run.at}-${kind}:${names.join()}:${run.version}:${missing.length}`]);
  const found = new Map();
  let error = null;
  for (const at of allowed ? places : []) {
    const one = shard(`${run.at}-${kind}-${Math.floor(at / size)}`);
    if (one.texts) found.set(at, one.texts[at % size]);
    error = error || one.error;
  }
  found.error = error;
  return found;
}

// Addresses: what is looked at stands after the #, so that back works and links can be sent.

const params = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const address = (given) => {
  const kept = Object.entries(given).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return `#${new URLSearchParams(kept)}`;
};
const go = (given, replace) => {
  if (address(given) === location.hash) return;
  if (replace) history.replaceState(null, "", address(given));
  else history.pushState(null, "", address(given));
  dispatchEvent(new HashChangeEvent("hashchange"));
};

// Texts. What a reader would obey instead of see is shown as a mark with its code point.

const UNSEEN = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069" +
  "\\u{e0000}-\\u{e0fff}\\u00ad\\u200b\\u2028\\u2029\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb]" +
  // Joiners belong to emoji and to Indic and Persian letters, and to nothing in ASCII.
  "|(?<=[\\u0000-\\u007f])[\\u200c\\u200d]|[\\u200c\\u200d](?=[\\u0000-\\u007f]|$)",
  "gu",
);
const NAMES = { 27: "ESC", 7: "BEL", 8: "BS", 13: "CR", 0: "NUL", 0x202e: "RLO", 0x202d: "LRO", 0x200f: "RLM", 0x200e: "LRM", 0x200b: "ZWSP", 0x200d: "ZWJ", 0x200c: "ZWNJ", 0xfeff: "BOM", 0xad: "SHY" };
const code = (mark) => {
  const point = mark.codePointAt(0);
  return NAMES[point] || `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
};

/** For attributes and titles: the beginning, with the marks in brackets. */
const plain = (text) => String(text).slice(0, 300).replace(/\r\n/g, "\n").replace(UNSEEN, (mark) => `[${code(mark)}]`);

function marked(text) {
  const parts = [];
  let end = 0;
  for (const found of text.replace(/\r\n/g, "\n").matchAll(UNSEEN)) {
    parts.push(found.input.slice(end, found.index));
    parts.push(html`<span class="mark" title=${`an unseen character, U+${found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`}>${code(found[0])}</span>`);
    end = found.index + found[0].length;
  }
  const rest = text.replace(/\r\n/g, "\n").slice(end);
  return [...parts, rest];
}

/** A sentence of errata's own, with what stands between backticks as code. */
const coded = (text) => text.split("`").map((part, at) => (at % 2 ? html`<code>${marked(part)}</code>` : marked(part)));

const FIRST = 1500;
const MORE = 20000;

/** A text from elsewhere, its beginning first where it is long. */
function Text({ text, label }) {
  const [most, more] = useState(FIRST);
  const shown = text.length > most + 200 ? text.slice(0, most) : text;
  const left = text.length - shown.length;
  return html`<div class="said" role="group" aria-label=${label}>
    <div class="saying" dir="auto">${text === "" ? html`<span class="quiet">(nothing)</span>` : marked(shown)}</div>
    ${left > 0 && html`<button class="more" onClick=${() => more(most + MORE)}>${left > MORE ? `Show ${count(MORE)} of ${count(left)} more characters` : `Show the other ${count(left)} characters`}</button>`}
  </div>`;
}

/** Labels may be of any length: a kind, a cause, a name. */
const short = (text) => excerpt(text, 80);
const option = (text) => plain(String(text).slice(0, 70));
const excerpt = (text, most = 110) => {
  const line = text.slice(0, 4 * most).replace(/\s+/g, " ").trim();
  return marked(line.length > most || text.length > 4 * most ? `${line.slice(0, most)}…` : line);
};

// Words that differ, by the longest common subsequence.

const LARGEST = 160000;
const LONGEST = 12000;
function differing(before, after) {
  if (before.length + after.length > LONGEST) return null;
  const words = (text) => text.split(/(?<=\s)(?=\S)/);
  const a = words(before), b = words(after);
  const same = (i, j) => a[i].trimEnd() === b[j].trimEnd();
  if (a.length * b.length > LARGEST) return null;
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] = same(i, j)
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  const parts = [];
  const add = (kind, word) => {
    const last = parts[parts.length - 1];
    if (last && last[0] === kind) last[1] += word;
    else parts.push([kind, word]);
  };
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(i, j)) { add("same", b[j]); i++; j++; }
    else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) add("gone", a[i++]);
    else add("new", b[j++]);
  }
  return parts;
}

/** `whole`: a text too long to compare is shown as it was. */
function Difference({ before, after, label, whole }) {
  const parts = useMemo(() => (before === after ? [] : differing(before, after)), [before, after]);
  if (parts === null && whole) return html`<${Text} text=${before} label=${label} />`;
  if (parts === null) return html`<p class="quiet">Too long to compare word by word.</p>`;
  if (!parts.length) return html`<p class="quiet">Word for word the answer before it.</p>`;
  return html`<div class="said" role="group" aria-label=${label}><div class="saying" dir="auto">${parts.map(([kind, words]) =>
    kind === "same" ? marked(words) : kind === "gone" ? html`<del>${marked(words)}</del>` : html`<ins>${marked(words)}</ins>`)}</div></div>`;
}

// Figures. They are the report's: here they are only written out.

const count = (n) => Number(n).toLocaleString("en");
const percent = (share) => `${(100 * share).toFixed(1)}%`;
const points = (gain) => `${gain > 0 ? "+" : gain < 0 ? "−" : "±"}${Math.abs(100 * gain).toFixed(1)}`;
const between = ([low, high]) => `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}%`;
const betweenPoints = ([low, high]) => `${points(low)} to ${points(high)}`;
const chance = (p) => (p === null || p === undefined ? "" : p < 0.001 ? "< 0.001" : p.toFixed(3));
const duration = (s) =>
  s < 9.95 ? `${s.toFixed(1)} s` : s < 59.5 ? `${Math.round(s)} s`
  : s < 3599.5 ? `${Math.floor(Math.round(s) / 60)} min ${String(Math.round(s) % 60).padStart(2, "0")} s`
  : `${Math.floor(Math.round(s) / 3600)} h ${String(Math.floor((Math.round(s) % 3600) / 60)).padStart(2, "0")} min`;
const noun = (n, one, many) => `${count(n)} ${n === 1 ? one : many || `${one}s`}`;
const unknown = (n) => (n === null || n === undefined ? "unknown" : count(n));
