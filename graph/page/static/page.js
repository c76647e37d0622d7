// The pages: Result, To review, Flips, Question, Causes, Examples, Calls, Training.

const PAGES = [["result", "Result"], ["review", "To review"], ["flips", "Flips"], ["causes", "Causes"], ["examples", "Examples"], ["calls", "Calls"], ["training", "Training"]];
const SIGNS = { "kept right": "=", fixed: "+", broken: "−", "kept wrong": "·" };
const ORDER = ["broken", "fixed", "kept wrong", "kept right"];
const OUTCOME = { "11": "kept right", "01": "fixed", "10": "broken", "00": "kept wrong" };
const ROWS = 50;

const Outcome = ({ name }) => html`<span class=${`outcome ${name.replace(" ", "-")}`}><span aria-hidden="true">${SIGNS[name]}</span> ${name}</span>`;
const Verdict = ({ right }) => html`<span class=${right ? "verdict right" : "verdict wrong"}><span aria-hidden="true">${right ? "✓" : "✗"}</span> ${right ? "right" : "wrong"}</span>`;
const Quiet = ({ children }) => html`<p class="quiet">${children}</p>`;
const kindOf = (run, place) => run.kinds[place] || "(no kind)";
const nameOf = (round) => (Number(round) === 0 ? "base" : `round ${round}`);
/** A number that leads to the questions behind it. */
const Counted = ({ n, to, label }) => (n && to ? html`<a href=${address(to)} aria-label=${label}>${count(n)}</a>` : count(n));
const setOf = (run, name) => run.sets.find((set) => set.name === name);
const placeIn = (set, id) => {
  if (!set.places) set.places = new Map(set.ids.map((one, at) => [one, at]));
  return set.places.has(id) ? set.places.get(id) : -1;
};

function Table({ caption, heads, children, right = [] }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${plain(caption)}><table>
    <caption><span>${caption}</span></caption>
    <thead><tr>${heads.map((head, at) => html`<th scope="col" class=${right.includes(at) ? "num" : ""}>${head}</th>`)}</tr></thead>
    <tbody>${children}</tbody></table></div>`;
}

const Choice = ({ label, value, options, set }) => html`<label class="choice"><span>${label}</span>
  <select value=${value} onChange=${(event) => set(event.currentTarget.value)}>
    ${options.map(([key, text]) => html`<option value=${key} selected=${String(key) === String(value)}>${option(text)}</option>`)}</select></label>`;

/** Links to the other rows of a list. */
function Pager({ total, at, route, noun: what }) {
  const last = Math.max(0, Math.ceil(total / ROWS) - 1);
  const first = at * ROWS + 1;
  return html`<nav class="pager" aria-label=${`Pages of ${what}`}>
    <span aria-live="polite">${total ? `${count(first)} to ${count(Math.min(total, first + ROWS - 1))} of ${noun(total, what)}` : `No ${what} fits`}</span>
    ${at > 0 && html`<a href=${address({ ...route, at: at - 1 || undefined })}>← Earlier</a>`}
    ${at < last && html`<a href=${address({ ...route, at: at + 1 })}>Later →</a>`}</nav>`;
}
const pageOf = (route, total) => Math.min(Math.max(0, Number(route.at) || 0), Math.max(0, Math.ceil(total / ROWS) - 1));

/** Those of some places whose texts hold some words; parts are read one after the other.
 *
 * `kind` names the texts, `words` is what was typed, `said` gives what is searched of a text and its
 * place; without `allowed` no text is read, and `said` gets none. */
function useSearch(run, kind, places, words, said, allowed = true) {
  const [state, set] = useState({ found: places, left: 0 });
  const wanted = (words || "").toLowerCase().split(/\s+/).filter(Boolean);
  useEffect(() => {
    if (!wanted.length) return undefined;
    let on = true;
    const parts = new Map();
    for (const at of places) {
      const number = Math.floor(at / run.per_shard);
      if (parts.has(number)) parts.get(number).push(at); else parts.set(number, [at]);
    }
    const found = new Set();
    (async () => {
      let left = parts.size, told = 0;
      for (const [number, here] of parts) {
        const one = allowed ? shard(`${run.at}-${kind}-${number}`) : {};
        await one.ready;
        if (!on) return;
        for (const at of here) {
          const text = said(one.texts && one.texts[at % run.per_shard], at).toLowerCase();
          if (wanted.every((word) => text.includes(word))) found.add(at);
        }
        left--;
        if (left && performance.now() - told < 200) continue;
        told = performance.now();
        set({ found: left ? [] : places.filter((at) => found.has(at)), left, for: places, words, allowed });
        await new Promise((go) => setTimeout(go)); // what is typed meanwhile is heard
      }
    })();
    return () => { on = false; };
  }, [places, words, allowed, run.version]);
  if (!wanted.length || !places.length) return { found: places, left: 0 };
  return state.for === places && state.words === words && state.allowed === allowed ? state : { found: [], left: 1 };
}

const Searching = ({ left }) => html`Searching, ${noun(left, "part")} left …`;

/** A form for words to search for. */
function Search({ label, words, set, children }) {
  const [typed, type] = useState(words || "");
  useLayoutEffect(() => type(words || ""), [words]); // at once: what is typed next must stay
  return html`<form class="controls" role="search" onSubmit=${(event) => { event.preventDefault(); set(typed); }}>
    <label class="choice wide"><span>${label}</span><input type="search" value=${typed} onInput=${(event) => type(event.currentTarget.value)} /></label>
    <button type="submit">Search</button>${children}</form>`;
}

// Held-out texts: a deliberate click, which is written down where it can be.

const opened = new Set();

function Guarded({ run, set, children, what = "questions and answers" }) {
  const [, again] = useState(0);
  const [failed, fail] = useState("");
  const key = `${run.at}/${set.name}`;
  if (set.access === "open" || opened.has(key)) return children();
  const there = set.there || how.served;
  async function open() {
    if (how.served) {
      try {
        const answer = await fetch("look", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ run: run.at, set: set.name }) });
        if (!answer.ok) throw new Error(String(answer.status));
      } catch (error) {
        fail(`It could not be written down (${error.message}), so nothing is shown.`);
        return;
      }
      for (const name of [...held.keys()]) if (name.startsWith(`${run.at}-${set.name}-`)) held.delete(name);
    }
    opened.add(key);
    again((n) => n + 1);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
  return html`<section class="guarded" aria-label=${`Held-out ${what}`}>
    <h2>The ${set.name} ${what} are held out</h2>
    <p>They say what a model is worth only as long as nobody changes anything because of them: no example, no prompt, no setting. ${set.access === "sealed" ? "This set is sealed: it is meant to be read once, by the final exam." : "The rounds were chosen on these."}</p>
    ${there
      ? html`<p>${how.served ? "That you looked is written into looks.jsonl of the run." : set.access === "sealed" ? "That this file holds them is written in looks.jsonl of the run." : "A file cannot write down that you looked: remember it."}</p>
        <button class="primary" onClick=${open}>Show them all the same</button>`
      : html`<p>They are not in this file. <code>errata view ${plain(run.name)} --with-sealed</code> puts them there and notes it in looks.jsonl.</p>`}
    ${failed && html`<p role="alert" class="alert">${failed}</p>`}</section>`;
}

// Result.

function Result({ page, run, route }) {
  const report = run.report;
  const dev = run.rounds.map((r) => ({ label: nameOf(r.index), value: r.dev ? r.dev.accuracy : null, ci95: r.dev && r.dev.ci95, filled: r.promoted }));
  const questions = (run.rounds.find((r) => r.dev) || {}).dev;
  return html`<div>
    <p class="eyebrow">${short(run.model)} · ${short(run.strategy)}</p>
    ${page.runs.length > 1 && html`<${Beside} page=${page} /><h2>${short(run.name)} alone</h2>`}
    ${report ? html`<${Headline} run=${run} report=${report} />` : html`<${SoFar} run=${run} />`}
    <div class="columns">${dev.some((m) => m.value !== null) && html`<section><h2>Dev exam by round</h2>
      <${Accuracies} title="Dev accuracy by round" models=${dev} target=${run.target_accuracy} />
      <p class="quiet">${noun(questions.n, "question")}; bars are 95% intervals. Filled: became the best model; hollow: did not.${report && report.best_round ? " The best was chosen on these questions, so its figure flatters; that of the sealed test does not." : ""}</p></section>`}
    <${Gates} run=${run} /></div>
    ${report && html`<${Kinds} run=${run} report=${report} />`}
    ${report && html`<${Labels} report=${report} />`}
    ${report && html`<${JsonFields} report=${report} />`}
    ${report && report.exams.length > 0 && html`<${Table} caption="Sealed test by exam" heads=${["Exam", "Asked", "Before", "After", "Gain, points", "95% interval"]} right=${[1, 2, 3, 4, 5]}>
      ${report.exams.map((e) => html`<tr><th scope="row">${short(e.exam)}${e.in_domain ? "" : " (out of domain)"}</th><td class="num">${count(e.n)}</td><td class="num">${percent(e.base)}</td><td class="num">${percent(e.final)}</td><td class="num">${points(e.gain.accuracy)}</td><td class="num">${betweenPoints(e.gain.ci95)}</td></tr>`)}<//>`}
    ${report && report.twisted.length > 0 && html`<${Table} caption="The sealed test with a twist" heads=${["Exam", "Twist", "Model", "Plain", "Twisted", "Difference, points"]} right=${[3, 4, 5]}>
      ${report.twisted.flatMap((e) => e.falls.map((f) => html`<tr><th scope="row">${short(e.exam)}</th><td>${e.twist}</td><td>${f.model}</td><td class="num">${percent(f.plain)}</td><td class="num">${percent(f.twisted)}</td><td class="num">${points(f.difference.accuracy)}</td></tr>`))}<//>`}
    ${run.system && html`<section><h2>System prompt</h2><${Text} text=${run.system} label="System prompt" /></section>`}
    <${Times} run=${run} />
    <${Money} run=${run} />
    <${Held} run=${run} /></div>`;
}

const GOOD = { "proven gain": "", "got worse": "lost" };
function Headline({ run, report }) {
  const { base, final, gain } = report.test, best = report.best_round;
  const test = setOf(run, "test");
  const pair = best > 0 && test && test.pairs.find((p) => p.first === "0" && p.second === String(best));
  const flips = (out) => ({ page: "flips", run: run.at || undefined, set: "test", from: run.key(0), to: run.key(best), out });
  const changed = (out) => html`<span class=${pair.counts[out] ? `outcome ${out}` : "quiet"}>${SIGNS[out]}<${Counted} n=${pair.counts[out]} to=${flips(out)} label=${`${pair.counts[out]} ${out} on the sealed test`} /></span>`;
  return html`<section class="headline" aria-labelledby="sealed">
    <p class=${`status ${run.outcome in GOOD ? GOOD[run.outcome] : "open"}`}>${run.outcome}</p>
    <h2 id="sealed">Sealed test, ${noun(final.n, "question")}</h2>
    <dl class="figures">
      <div><dt>${best ? "before" : "right"}</dt><dd id="before">${percent(base.accuracy)}</dd><dd class="ci">${between(base.ci95)}</dd></div>
      ${best > 0 && html`<div><dt>after</dt><dd id="after" class=${run.outcome === "proven gain" ? "accent" : run.outcome === "got worse" ? "lost" : ""}>${percent(final.accuracy)}</dd><dd class="ci">${between(final.ci95)}</dd></div>
      <div><dt>gain, points</dt><dd id="gain">${points(gain.accuracy)}</dd><dd class="ci">${betweenPoints(gain.ci95)}${pair ? `, p ${pair.p < 0.001 ? "" : "= "}${chance(pair.p)}` : ""}</dd></div>`}
      ${pair && html`<div><dt>fixed and broken</dt><dd id="changed">${changed("fixed")} ${changed("broken")}</dd><dd class="ci">answers that changed</dd></div>`}
      <div><dt>best model</dt><dd>${nameOf(best)}</dd><dd class="ci">of ${noun(report.rounds.length - 1, "round")}</dd></div>
    </dl>
    <p class="next"><strong>Next</strong> ${coded(run.next_step)}</p>
    ${run.caveats.length > 0 && html`<h3 id="caveats">${best ? "Before you rely on it" : "To know"}</h3><ul class="plain" aria-labelledby="caveats">${run.caveats.map((said) => html`<li>${coded(said)}</li>`)}</ul>`}
    <p class="quiet">The run stopped after ${duration(report.seconds)}: <span id="status">${report.status}</span>.</p></section>`;
}

function SoFar({ run }) {
  const begun = run.rounds.length - 1;
  const asked = run.rounds.filter((r) => r.promoted && r.dev).pop();
  const where = html`${begun > 0 ? `in round ${begun}` : "before its first round"}${run.under_way ? html`, at <strong>${run.under_way.replace("_", " ")}</strong>` : ""}`;
  const command = (words) => html`<code>errata ${words} ${plain(run.name)}</code>`;
  return html`<section class="headline" aria-labelledby="far"><p class=${`status ${run.stands === "stopped" ? "lost" : "open"}`}>${run.stands}</p>
  <h2 id="far">As far as it came</h2>
  ${run.stands === "stopped" && html`<p>It stopped ${where}${run.failure ? ":" : "."}</p>
    ${run.failure && html`<p class="caution">${marked(run.failure)}</p>`}`}
  ${run.proposed && html`<p>It waits in round ${run.proposed.round} until a person has looked at what it would train on: <a href=${address({ page: "review", run: run.at || undefined })}>${toReview(run.proposed)}</a>.</p>`}
  ${run.stands === "at work" && html`<p>It is ${where}. ${how.served ? "This page follows the run." : html`This file shows the moment when it was written; <code>errata view ${plain(run.name)} --serve</code> follows the run.`}</p>`}
  ${asked && html`<p>Best so far: <strong>${nameOf(asked.index)}</strong>, ${percent(asked.dev.accuracy)} on dev. The sealed test is read at the end.</p>`}
  ${run.stands === "stopped" && html`<p class="next"><strong>Next</strong> ${command("resume")} goes on where it was.</p>`}
  ${run.proposed && html`<${GoOn} run=${run} />`}</section>`;
}

function Beside({ page }) {
  const [first, second] = page.runs, best = bestOfBoth(page);
  const pair = best.set === "test" && page.between.test.find((p) => p.first === best.from && p.second === best.to);
  return html`<${Table} caption="Sealed test of both runs" heads=${["Run", "Way", "Best model", "Before", "After", "Gain, points", "95% interval"]} right=${[3, 4, 5, 6]}>
    ${page.runs.map((run) => html`<tr><th scope="row">${short(run.name)}</th><td>${short(run.strategy)}</td>
      ${run.report ? html`<td>${nameOf(run.report.best_round)}</td><td class="num">${percent(run.report.test.base.accuracy)}</td><td class="num">${percent(run.report.test.final.accuracy)}</td><td class="num">${points(run.report.test.gain.accuracy)}</td><td class="num">${betweenPoints(run.report.test.gain.ci95)}</td>`
        : html`<td colspan="5">not finished</td>`}</tr>`)}<//>
    ${pair && html`<p id="difference">${short(second.name)} against ${short(first.name)}, on the same ${noun(pair.counts.asked, "question")}: <strong>${points(pair.gain)} points</strong>, 95% interval ${betweenPoints(pair.ci95)}, p ${pair.p < 0.001 ? "" : "= "}${chance(pair.p)}${pair.p > 0.05 ? ": no difference is shown" : ""}.</p>`}
    <p><a href=${address({ page: "flips", ...bestOfBoth(page) })}>Which questions each got right →</a></p>`;
}
const bestOfBoth = (page) => ({ set: page.same.test ? "test" : Object.keys(page.same)[0], from: `0/${page.runs[0].report ? page.runs[0].report.best_round : 0}`, to: `1/${page.runs[1].report ? page.runs[1].report.best_round : 0}` });

function Gates({ run }) {
  const decided = run.rounds.filter((r) => r.promotion && r.index > 0);
  if (!decided.length) return null;
  const best = (index) => Math.max(0, ...run.rounds.filter((r) => r.promoted && r.index < index).map((r) => r.index));
  const flips = (set, index, out) => ({ page: "flips", run: run.at || undefined, set, from: run.key(best(index)), to: run.key(index), out });
  const onDev = (index, out, n) => html`<${Counted} n=${n} to=${flips("dev", index, out)} label=${`${n} ${out} on dev in round ${index}`} />`;
  const practised = (index) => setOf(run, "practice").pairs.find((p) => p.first === String(best(index)) && p.second === String(index));
  const practice = (index) => { const pair = practised(index); return pair && html`<p>On practice questions: ${["fixed", "broken"].map((out, at) => html`${at > 0 && ", "}<${Counted} n=${pair.counts[out]} to=${flips("practice", index, out)} label=${`${pair.counts[out]} ${out} on practice in round ${index}`} /> ${out}`)}.</p>`; };
  const guarding = (index, name, out) => { // null: those that no filter picks out
    const [, set, kind] = /^(dev|practice) questions(?: of kind (.*))?$/s.exec(name) || [];
    if (set) return { ...flips(set, index, out), kind };
    return name.startsWith("guard exam") ? { ...flips("guard", index, out), exam: name.slice("guard exam ".length) } : null;
  };
  return html`<section><h2>What decided each round</h2>
    <${Table} caption="Gate of each round, on the dev exam" heads=${["Round", "Verdict", "Dev", "Fixed", "Broken", "p", "Level"]} right=${[2, 3, 4, 5, 6]}>
    ${decided.map(({ index, dev, promotion: p }) => html`<tr><th scope="row">${index}</th><td>${p.promoted ? html`<strong>${p.verdict}</strong>` : p.verdict}</td><td class="num">${dev ? percent(dev.accuracy) : ""}</td><td class="num">${onDev(index, "fixed", p.fixed)}</td><td class="num">${onDev(index, "broken", p.broken)}</td><td class="num">${chance(p.p)}</td><td class="num">${p.level === null ? "any gain" : chance(p.level)}</td></tr>`)}<//>
    <ul class="plain">${decided.map(({ index, promotion: p }) => html`<li>Round ${index}: ${marked(p.why)}${practice(index)}
      ${p.guards.length > 0 && html`<details open=${p.guards.some((g) => g.lost)}><summary>${noun(p.guards.length, "guard")}, ${count(p.guards.filter((g) => g.lost).length)} lost</summary><${Table} caption=${`Guards of round ${index}`} heads=${["Guard", "Lost", "Asked", "Fixed", "Broken", "p, corrected"]} right=${[2, 3, 4, 5]}>
        ${p.guards.map((g) => html`<tr><th scope="row">${short(g.name)}</th><td>${g.lost ? html`<strong>yes: refused</strong>` : "no"}</td><td class="num">${count(g.asked)}</td>${["fixed", "broken"].map((out) => html`<td class="num"><${Counted} n=${g[out]} to=${guarding(index, g.name, out)} label=${`${g[out]} ${out} of ${plain(g.name)} in round ${index}`} /></td>`)}<td class="num">${chance(g.p_holm)}</td></tr>`)}<//></details>`}</li>`)}</ul></section>`;
}

// Where no round became the best model, before and after are the same answers: they are shown once.

function Kinds({ run, report }) {
  const after = report.test.final.by_kind, before = report.test.base.by_kind, best = report.best_round;
  const rows = Object.keys(after).map((kind) => ({ kind, was: before[kind][0], now: after[kind][0], asked: after[kind][1] }));
  rows.sort((a, b) => (a.now - a.was) / a.asked - (b.now - b.was) / b.asked || (best ? 0 : a.now / a.asked - b.now / b.asked) || b.asked - a.asked);
  const [all, show] = useState(false);
  if (!rows.length) return null;
  const shown = all ? rows : rows.slice(0, 12);
  const flips = (kind) => address({ page: "flips", run: run.at || undefined, set: "test", from: run.key(0), to: run.key(best), kind });
  const heads = best ? ["Kind", "Asked", "Before", "After", "Change", "From ○ to ●"] : ["Kind", "Asked", "Right"];
  return html`<section class="kinds"><h2>Sealed test by kind</h2>
    <${Table} caption=${`Right answers by kind of question, the worst ${best ? "change " : ""}first`} heads=${heads} right=${[1, 2, 3, 4]}>
    ${shown.map((r) => html`<tr><th scope="row">${best && r.kind ? html`<a href=${flips(r.kind)}>${short(r.kind)}</a>` : short(r.kind || "(no kind)")}</th><td class="num">${count(r.asked)}</td>${best > 0 && html`<td class="num">${count(r.was)}</td>`}<td class="num">${count(r.now)}</td>${best > 0 && html`<td class="num">${change(r.was, r.now)}</td><td><${Dumbbell} before=${r.was / r.asked} after=${r.now / r.asked} /></td>`}</tr>`)}<//>
    ${rows.length > shown.length && html`<button class="more" onClick=${() => show(true)}>Show all ${rows.length} kinds</button>`}</section>`;
}
const change = (was, now) => (now > was ? `+${now - was}` : now < was ? html`<span class="fell">−${was - now}</span>` : "=");
/** Before and after, or one figure where they are the same answers. */
const moved = (best, was, now) => (best ? `${was} → ${now}` : now);

function Labels({ report }) {
  const after = report.test.final.labels, before = report.test.base.labels, best = report.best_round;
  if (!after || !before) return null;
  const f1 = (s) => (s.asked + s.said ? percent((2 * s.right) / (s.asked + s.said)) : "–");
  const part = (n, of) => (of ? percent(n / of) : "–");
  const was = new Map(before.labels.map((s) => [s.label, s]));
  const names = after.labels.map((s) => s.label);
  const confusion = (scores, when) => html`<${Table} caption=${`Confusion${when}: a row for each right label, a column for what was answered`} heads=${["Right label", ...names.map((n) => short(n)), "no label"]} right=${names.map((_, at) => at + 1).concat(names.length + 1)}>
    ${names.map((label) => html`<tr><th scope="row">${short(label)}</th>${[...names, ""].map((said) => { const n = scores.confusion[label][said] || 0; return html`<td class="num">${n ? (said === label ? html`<strong>${count(n)}</strong>` : html`<span class="fell">${count(n)}</span>`) : html`<span class="quiet">0</span>`}</td>`; })}</tr>`)}<//>`;
  return html`<section><h2>Sealed test by label</h2>
    <p>Macro-F1 <strong id="macro-f1">${moved(best, before.macro_f1.toFixed(3), after.macro_f1.toFixed(3))}</strong> <span class="quiet">(the mean of the labels’ F1, each counting alike)</span></p>
    <${Table} caption=${`Precision, recall and F1 of each label${best ? ", before → after" : ""}`} heads=${["Label", "Asked", "F1", "Precision", "Recall"]} right=${[1, 2, 3, 4]}>
    ${after.labels.map((s) => { const b = was.get(s.label); return html`<tr><th scope="row">${short(s.label)}</th><td class="num">${count(s.asked)}</td><td class="num">${moved(best, f1(b), f1(s))}</td><td class="num">${moved(best, part(b.right, b.said), part(s.right, s.said))}</td><td class="num">${moved(best, part(b.right, b.asked), part(s.right, s.asked))}</td></tr>`; })}<//>
    ${names.length <= 24 && html`${confusion(after, best ? " after" : "")}${best > 0 && html`<details><summary>Confusion before</summary>${confusion(before, " before")}</details>`}`}</section>`;
}

function JsonFields({ report }) {
  const after = report.test.final.json_values, before = report.test.base.json_values, best = report.best_round;
  if (!after || !before) return null;
  const fields = Object.keys(after.fields);
  return html`<section class="kinds"><h2>Sealed test, answers in JSON</h2>
    <p>Of ${noun(after.asked, "answer")} ${best > 0 && `${count(before.parsed)} → `}<strong id="parsed">${count(after.parsed)}</strong> parse, ${moved(best, count(before.fits), count(after.fits))} fit the schema.</p>
    ${fields.length > 0 && html`<${Table} caption="Right answers by field" heads=${best ? ["Field", "Asked", "Before", "After", "Change", "From ○ to ●"] : ["Field", "Asked", "Right"]} right=${[1, 2, 3, 4]}>
    ${fields.map((path) => { const [was] = before.fields[path], [now, asked] = after.fields[path]; return html`<tr><th scope="row">${short(path)}</th><td class="num">${count(asked)}</td>${best > 0 && html`<td class="num">${count(was)}</td>`}<td class="num">${count(now)}</td>${best > 0 && html`<td class="num">${change(was, now)}</td><td><${Dumbbell} before=${was / asked} after=${now / asked} /></td>`}</tr>`; })}<//>`}</section>`;
}

function Times({ run }) {
  const steps = [...new Set(run.rounds.flatMap((r) => Object.keys(r.seconds)))];
  if (!steps.length) return null;
  return html`<section><h2>Time</h2><${Table} caption="Time of each step" heads=${["Round", ...steps.map((s) => s.replace("_", " "))]} right=${steps.map((_, at) => at + 1)}>
    ${run.rounds.map((r) => html`<tr><th scope="row">${nameOf(r.index)}</th>${steps.map((s) => html`<td class="num">${s in r.seconds ? duration(r.seconds[s]) : ""}</td>`)}</tr>`)}<//></section>`;
}

function Money({ run, brief }) {
  const cost = run.cost;
  if (!cost) return brief ? null : html`<section><h2>Money</h2><${Quiet}>No LLM was asked.<//></section>`;
  const row = (r, head) => html`<tr><th scope="row">${head}</th><td>${r.round === null ? "all" : r.round}</td><td class="num">${count(r.calls)}</td><td class="num">${count(r.cached)}</td><td class="num">${unknown(r.tokens_in)}</td><td class="num">${unknown(r.tokens_out)}</td><td class="num">${r.money === null ? "unknown" : r.money.toFixed(4)}</td></tr>`;
  return html`<section><h2>What the LLMs took</h2>
    <${Table} caption=${`Calls, tokens and money${cost.currency ? ` in ${cost.currency}` : ""}`} heads=${["Agent", "Round", "Calls", "Cached", "Tokens in", "Tokens out", "Money"]} right=${[2, 3, 4, 5, 6]}>
    ${cost.rows.map((r) => row(r, html`${short(r.agent)} <span class="quiet">${short(r.model)}</span>`))}${row(cost.total, "all")}<//></section>`;
}

function Held({ run }) {
  if (!run.looks.length) return null;
  return html`<section><h2>Who read held-out questions</h2><ul class="plain">
    ${run.looks.map((l) => html`<li>${l.set}, ${noun(l.questions, "question")}: shown to a person on ${l.time.slice(0, 16).replace("T", " ")} UTC, by <code>errata ${l.how}</code>.</li>`)}</ul></section>`;
}

// Flips.

function flipsOf(page, run, route) {
  const two = page.runs.length > 1;
  const sets = run.sets.filter((s) => Object.keys(s.verdicts).length > 1 || (two && page.same[s.name] && Object.keys(s.verdicts).length));
  if (!sets.length) return null;
  const wanted = sets.find((s) => s.name === route.set);
  const set = wanted || sets.find((s) => s.name === "practice") || sets[0];
  const models = Object.keys(set.verdicts).map(Number).sort((a, b) => a - b)
    .map((round) => ({ key: two ? `${run.at}/${round}` : String(round), verdicts: set.verdicts[round], name: `${two ? `${run.name}, ` : ""}${nameOf(round)}` }));
  if (two && page.same[set.name]) {
    const other = page.runs[1 - run.at], theirs = setOf(other, set.name);
    const to = run.at === 0 ? page.same[set.name] : inverse(page.same[set.name], set.ids.length);
    for (const round of Object.keys(theirs.verdicts).map(Number).sort((a, b) => a - b)) {
      const verdicts = set.ids.map((_, at) => (to[at] < 0 ? "-" : theirs.verdicts[round][to[at]])).join("");
      models.push({ key: `${other.at}/${round}`, verdicts, name: `${other.name}, ${nameOf(round)}`, other: true, to });
    }
  }
  const usual = two ? bestOfBoth(page) : {};
  const from = models.find((m) => m.key === route.from) || models.find((m) => m.key === usual.from) || models[0];
  const to = models.find((m) => m.key === route.to) || models.find((m) => m.key === usual.to && m !== from) || models.filter((m) => m !== from).pop() || models[0];
  const pairs = [...set.pairs, ...(page.between[set.name] || [])];
  return { sets, set, models, from, to, pair: pairs.find((p) => p.first === from.key && p.second === to.key) || (two && from.other === to.other && plainPair(page, set, from, to)) };
}
const plainPair = (page, set, from, to) => {
  const [at, first] = from.key.split("/"), [, second] = to.key.split("/");
  const theirs = setOf(page.runs[Number(at)], set.name);
  return theirs.pairs.find((p) => p.first === first && p.second === second);
};
const inverse = (to, length) => {
  const back = new Array(length).fill(-1);
  to.forEach((place, at) => { if (place >= 0) back[place] = at; });
  return back;
};

function Flips({ page, run, route }) {
  const found = useMemo(() => flipsOf(page, run, route), [page, run, route.set, route.from, route.to]);
  const rows = useMemo(() => {
    if (!found) return [];
    const rows = [];
    for (let at = 0; at < found.set.ids.length; at++) {
      const outcome = OUTCOME[found.from.verdicts[at] + found.to.verdicts[at]];
      if (outcome) rows.push({ at, outcome });
    }
    return rows;
  }, [found]);
  const free = found && (found.set.access === "open" || opened.has(`${run.at}/${found.set.name}`)) && (found.set.there || how.served);
  const places = useMemo(() => rows.map((row) => row.at), [rows]);
  const searched = useSearch(run, found ? found.set.name : "", places, route.text, (text, at) => `${found.set.ids[at]}\n${text ? saidOfQuestion(text) : ""}`, Boolean(free));
  const hits = useMemo(() => (searched.found === places ? null : new Set(searched.found)), [searched.found, places]);
  if (!found) return html`<${Quiet}>Only one model was examined so far: there is nothing to compare.<//>`;
  const { sets, set, models, from, to, pair } = found;
  const keep = { page: "flips", run: route.run, set: set.name, from: from.key, to: to.key };
  const filters = { out: route.out, kind: route.kind, exam: route.exam, cause: route.cause, text: route.text };
  const fits = (row, but) => Object.entries(filters).every(([name, value]) => value === undefined || name === but || (
    name === "out" ? row.outcome === value
    : name === "kind" ? run.kinds[set.kinds[row.at]] === value
    : name === "text" ? !hits || hits.has(row.at)
    : name === "exam" ? run.exams[set.exams[row.at]] === value
    : set.causes[row.at].some((c) => run.causes[c] === value)));
  const chosen = rows.filter((row) => fits(row)).sort((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome) || a.at - b.at);
  const cells = { "kept right": 0, fixed: 0, broken: 0, "kept wrong": 0 };
  for (const row of rows) if (fits(row, "out")) cells[row.outcome]++;
  const counts = { asked: Object.values(cells).reduce((a, b) => a + b, 0), kept_right: cells["kept right"], fixed: cells.fixed, broken: cells.broken, kept_wrong: cells["kept wrong"] };
  const cell = (name) => html`<td class=${`cell ${name.replace(" ", "-")}`}><a href=${address({ ...keep, ...filters, out: route.out === name ? undefined : name })} aria-current=${route.out === name ? "true" : undefined}>
    <strong>${count(cells[name])}</strong><${Outcome} name=${name} /></a></td>`;
  const sides = from.other === to.other ? ["before", "then"] : [from, to].map((model) => short(page.runs[Number(model.key.split("/")[0])].name));
  const round = Number(to.key.split("/").pop());
  const wrote = !to.other && run.examples.rounds.includes(round);
  const written = (param) => wrote && ((name) => ({ n: run.written.get(`${param}/${round}/${name}`) || 0, to: { page: "examples", run: run.at || undefined, round, [param]: name, fate: "accepted" } }));
  const at = pageOf(route, chosen.length);
  const set_ = (change) => go({ ...keep, ...filters, ...change });
  const active = Object.entries(filters).filter(([, value]) => value !== undefined);
  return html`<div>
    <div class="controls">
      <${Choice} label="Questions" value=${set.name} options=${sets.map((s) => [s.name, `${s.name} (${count(s.ids.length)})`])} set=${(value) => go({ page: "flips", run: route.run, set: value })} />
      <${Choice} label="From" value=${from.key} options=${models.map((m) => [m.key, m.name])} set=${(value) => set_({ from: value })} />
      <${Choice} label="To" value=${to.key} options=${models.map((m) => [m.key, m.name])} set=${(value) => set_({ to: value })} />
    </div>
    <div class="beside">
      <table class="matrix"><caption>${plain(from.name)} → ${plain(to.name)}: ${noun(counts.asked, "question")}${active.some(([name]) => name !== "out") ? " that fit" : ""}</caption>
        <thead><tr><td></td><th scope="col">${sides[1]} right</th><th scope="col">${sides[1]} wrong</th></tr></thead>
        <tbody><tr><th scope="row">${sides[0]} right</th>${cell("kept right")}${cell("broken")}</tr>
        <tr><th scope="row">${sides[0]} wrong</th>${cell("fixed")}${cell("kept wrong")}</tr></tbody></table>
      <${Flow} counts=${counts} first=${from.name} second=${to.name} />
    </div>
    ${pair && html`<p id="pair">Of all ${noun(pair.counts.asked, "question")}: gain <strong>${points(pair.gain)} points</strong>, 95% interval ${betweenPoints(pair.ci95)}, p ${pair.p < 0.001 ? "" : "= "}${chance(pair.p)} (paired, two-sided).</p>`}
    <${ByLabel} title="kind" param="kind" rows=${rows.filter((r) => fits(r, "kind"))} labels=${(row) => [run.kinds[set.kinds[row.at]]]} round=${round} written=${written("kind")} keep=${{ ...keep, ...filters }} />
    <${ByLabel} title="cause that a diagnosis named" param="cause" note="A question with several diagnoses stands in several lines." rows=${rows.filter((r) => fits(r, "cause"))} labels=${(row) => set.causes[row.at].map((c) => run.causes[c])} round=${round} written=${written("cause")} keep=${{ ...keep, ...filters }} />
    <${ByLabel} title="exam" param="exam" rows=${rows.filter((r) => fits(r, "exam"))} labels=${(row) => [run.exams[set.exams[row.at]]]} keep=${{ ...keep, ...filters }} />
    <section aria-labelledby="rows"><h2 id="rows">Questions, broken ones first</h2>
    <${Search} label=${free ? "Search ids, questions and answers" : "Search ids; the texts are held out"} words=${route.text} set=${(text) => set_({ text: text || undefined })} />
    ${searched.left > 0 && html`<p class="quiet" aria-live="polite" aria-busy="true"><${Searching} left=${searched.left} /></p>`}
    ${active.length > 0 && html`<p class="filters">Only ${active.map(([name, value]) => html`<a class="chip" href=${address({ ...keep, ...filters, [name]: undefined })} aria-label=${`Take out the filter ${plain(value || "(none)")}`}>${plain(value || "(none)")} <span aria-hidden="true">×</span></a>`)} <a href=${address(keep)}>all questions</a></p>`}
    <${FlipRows} run=${run} other=${page.runs[1 - run.at] || run} set=${set} from=${from} to=${to} rows=${chosen.slice(at * ROWS, (at + 1) * ROWS)} route=${route} />
    <${Pager} total=${chosen.length} at=${at} route=${{ ...keep, ...filters }} noun="question" /></section></div>`;
}

function ByLabel({ title, param, rows, labels, keep, note, round, written }) {
  const found = new Map();
  for (const row of rows) for (const name of labels(row)) {
    if (!found.has(name)) found.set(name, { "kept right": 0, fixed: 0, broken: 0, "kept wrong": 0, all: 0 });
    found.get(name)[row.outcome]++;
    found.get(name).all++;
  }
  const [all, show] = useState(false);
  if (!found.size || (found.size === 1 && found.has("") && keep[param] === undefined)) return null;
  const lines = [...found].sort(([a, x], [b, y]) => y.broken - x.broken || y.fixed - x.fixed || (a < b ? -1 : 1));
  const shown = all ? lines : lines.slice(0, 10);
  const cell = (name, n, out) => html`<td class=${`num cell ${out.replace(" ", "-")}`}>${n ? html`<a href=${address({ ...keep, [param]: name, out })} aria-label=${`${n} ${out}, ${plain(name || "(none)")}`}>${SIGNS[out]} ${count(n)}</a>` : html`<span class="quiet">0</span>`}</td>`;
  return html`<details class="by" open=${param === "kind"}><summary>By ${title} <span class="quiet">(${count(found.size)})</span></summary>
    <${Table} caption=${`Questions by ${title}, most broken first${note ? `. ${note}` : ""}`} heads=${[title[0].toUpperCase() + title.slice(1), ...ORDER, "all", ...(written ? [`written in round ${round}`] : [])]} right=${[1, 2, 3, 4, 5, 6]}>
    ${shown.map(([name, n]) => html`<tr><th scope="row"><a href=${address({ ...keep, [param]: keep[param] === name ? undefined : name, out: undefined })} aria-current=${keep[param] === name ? "true" : undefined}>${short(name || "(none)")}</a></th>${ORDER.map((out) => cell(name, n[out], out))}<td class="num">${count(n.all)}</td>${written && html`<td class="num"><${Counted} ...${written(name)} label=${`${written(name).n} examples written in round ${round} for ${plain(name || "(none)")}`} /></td>`}</tr>`)}<//>
    ${lines.length > shown.length && html`<button class="more" onClick=${() => show(true)}>Show all ${count(lines.length)}</button>`}</details>`;
}

const saidOfQuestion = (text) => [...text.before.map(([, said]) => said), text.prompt, ...Object.values(text.said).map((said) => said.response)].join("\n");

function FlipRows({ run, other, set, from, to, rows }) {
  const free = set.access === "open" || opened.has(`${run.at}/${set.name}`);
  const texts = useTexts(run, set.name, rows.map((row) => row.at), free && (set.there || how.served));
  const { to: places } = [from, to].find((model) => model.other) || {};
  const across = places ? rows.map((row) => places[row.at]).filter((at) => at >= 0) : [];
  const theirs = useTexts(other, set.name, across, set.access === "open");
  const said = (model, own, at) => {
    if (model.other && set.access !== "open") return html`<span class="quiet">held out</span>`;
    const text = model.other ? theirs.get(places[at]) : own;
    const one = text && text.said[model.key.split("/").pop()];
    return one ? html`<code>${one.answer === null ? "(none read)" : excerpt(one.answer, 24)}</code>` : "";
  };
  return html`<${Table} caption="Questions and what became of them" heads=${["Outcome", "Question", "Kind", "Answers", "Begins with"]}>
    ${rows.map(({ at, outcome }) => {
      const text = texts.get(at);
      return html`<tr key=${at}><td><${Outcome} name=${outcome} /></td>
        <th scope="row" class="id"><a href=${address({ q: set.ids[at], set: set.name === "practice" ? undefined : set.name, run: run.at || undefined })}>${short(set.ids[at])}</a></th>
        <td class="kind">${short(run.kinds[set.kinds[at]])}</td><td class="answers">${text ? html`${said(from, text, at)} → ${said(to, text, at)}` : free ? "" : html`<span class="quiet">held out</span>`}</td>
        <td class="excerpt">${text && html`<div>${excerpt(text.prompt)}</div>`}</td></tr>`;
    })}<//>`;
}

// Question: its whole life, from left to right.

function Question({ page, run, route }) {
  const set = setOf(run, route.set || "practice");
  const at = set ? placeIn(set, route.q) : -1;
  if (at < 0) return html`<${Quiet}>There is no question ${plain(route.q)} in the ${plain(route.set || "practice")} set.<//>`;
  const models = Object.keys(set.verdicts).map(Number).sort((a, b) => a - b);
  const unasked = set.name === "practice" ? run.rounds.filter((r) => r.promotion && !models.includes(r.index)) : [];
  const neighbour = (step) => set.ids[at + step] !== undefined && address({ ...route, q: set.ids[at + step] });
  return html`<div>
    <p class="eyebrow">${set.name} question · ${short(kindOf(run, set.kinds[at]))}${run.exams[set.exams[at]] ? html` · ${short(run.exams[set.exams[at]])}` : ""}</p>
    <ul class="verdicts" aria-label="Verdicts">${models.map((m) => set.verdicts[m][at] !== "-" && html`<li><span>${nameOf(m)}</span> <${Verdict} right=${set.verdicts[m][at] === "1"} /></li>`)}${unasked.map((r) => html`<li><span>${nameOf(r.index)}</span> <span class="quiet">not asked: dev refused it</span></li>`)}${beside(page, run, set, at).map(([name, right]) => html`<li><span>${plain(name)}</span> <${Verdict} right=${right} /></li>`)}</ul>
    <p class="around">${neighbour(-1) && html`<a href=${neighbour(-1)}>← the one before</a>`} ${neighbour(1) && html`<a href=${neighbour(1)}>the one after →</a>`}</p>
    <${Guarded} run=${run} set=${set}>${() => html`<${Life} page=${page} run=${run} set=${set} at=${at} models=${models} />`}<//></div>`;
}

/** [model, right] of the other run's models, where there is one and it has the question. */
function beside(page, run, set, at) {
  if (page.runs.length < 2 || !page.same[set.name]) return [];
  const other = page.runs[1 - run.at], theirs = setOf(other, set.name);
  const to = run.at === 0 ? page.same[set.name][at] : page.same[set.name].indexOf(at);
  return Object.entries(theirs.verdicts).filter(([, said]) => to >= 0 && said[to] !== "-").map(([round, said]) => [`${other.name}, ${nameOf(round)}`, said[to] === "1"]);
}

function Life({ page, run, set, at, models }) {
  const texts = useTexts(run, set.name, [at]);
  const question = texts.get(at);
  const written = question ? question.life.flatMap((life) => life.written) : [];
  const examples = useTexts(run, "examples", written);
  const theirs = page.runs.length > 1 && page.same[set.name] ? otherLife(page, run, set, at) : null;
  const others = useTexts(theirs ? theirs.run : run, set.name, theirs ? [theirs.at] : []);
  if (texts.error) return html`<p role="alert" class="alert">${texts.error}</p>`;
  if (!question) return html`<p aria-busy="true" class="quiet">Reading …</p>`;
  const steps = [{ title: "The question", body: html`${question.before.map(([role, said]) => html`<h3>${marked(role)}</h3><${Text} text=${said} label=${plain(role)} />`)}
    ${question.before.length > 0 && html`<h3>user</h3>`}<${Text} text=${question.prompt} label="Question" />
    ${Object.keys(question.options).length > 0 && html`<dl class="options">${Object.entries(question.options).map(([key, text]) => html`<div><dt>${marked(key)}</dt><dd>${marked(text)}</dd></div>`)}</dl>`}
    <h3>Right answer</h3><${Text} text=${question.target} label="Right answer" />
    ${question.solution && html`<h3>Worked solution</h3><${Text} text=${question.solution} label="Worked solution" />`}` }];
  let last = null;
  const answered = (round) => {
    const said = question.said[round];
    if (!said) return;
    const before = last;
    steps.push({ title: `${round === 0 ? "Base model" : `After round ${round}`}`, mark: html`<${Verdict} right=${said.correct} />`, body: html`
      <${Text} text=${said.response} label="Answer" />
      <p class="quiet">${question.judged && html`<strong>The judge</strong> `}${marked(said.why)}${said.truncated ? "; cut off at the token limit" : ""} · ${noun(said.tokens, "token")}</p>
      ${before !== null && (before.text === said.response ? html`<p class="quiet">Word for word the answer of ${before.name}.</p>` : html`<details open><summary>Beside the answer of ${before.name}</summary><${Difference} before=${before.text} after=${said.response} label="Words that differ" /></details>`)}` });
    last = { text: said.response, name: nameOf(round) };
  };
  const rounds = [...new Set([...models, ...question.life.map((l) => l.round)])].sort((a, b) => a - b);
  for (const round of rounds) {
    const life = question.life.find((l) => l.round === round);
    if (life) steps.push(...lived(run, set, set.ids[at], life, examples));
    answered(round);
  }
  if (theirs && others.get(theirs.at)) for (const [round, said] of Object.entries(others.get(theirs.at).said))
    steps.push({ title: `${plain(theirs.run.name)}, ${nameOf(round)}`, mark: html`<${Verdict} right=${said.correct} />`, body: html`<${Text} text=${said.response} label="Answer" /><p class="quiet">${question.judged && html`<strong>The judge</strong> `}${marked(said.why)}</p>` });
  return html`<ol class="life" tabindex="0" aria-label="The question's life, from left to right">${steps.map((step) => html`<li class=${step.kind || ""}><h2>${step.title} ${step.mark}</h2>${step.body}</li>`)}</ol>`;
}
function otherLife(page, run, set, at) {
  const other = page.runs[1 - run.at];
  const to = run.at === 0 ? page.same[set.name][at] : page.same[set.name].indexOf(at);
  return to >= 0 && set.access === "open" ? { run: other, at: to } : null;
}

function lived(run, set, id, life, examples) {
  const steps = [];
  const place = placeIn(set, id), calls = [];
  run.calls.rounds.forEach((round, at) => { if (round === life.round && run.calls.questions[at].includes(place)) calls.push(at); });
  const from = life.mistake ? "a mistake" : life.picked ? "picked, blind to errors" : life.solution || life.left_out.length ? "its own solution" : "";
  const named = life.diagnoses.map((d) => html`<p><a class="cause" href=${address({ page: "causes", run: run.at || undefined, cause: d.cause })}>${short(d.cause)}</a></p>
    <${Text} text=${d.explanation} label="Diagnosis" />
    <dl class="pairs"><dt>Missing skill</dt><dd>${marked(d.missing_skill)}</dd><dt>Advice to the writer</dt><dd>${marked(d.advice)}</dd></dl>`);
  steps.push({ kind: "made", title: `Round ${life.round}: ${from || "rows"}`, body: html`${named}
    ${life.undiagnosed.map((why) => html`<p>No usable diagnosis: ${marked(why)}</p>`)}
    ${life.solution && html`<p>Its own solution is ${life.solution_reviews.some((r) => r.verdict === "rejected" && r.round === life.round) ? "not trained on" : trainedIn(run, life.round) ? "trained on" : "to be trained on"}.</p><${Reviews} reviews=${life.solution_reviews} />`}${life.left_out.map((why) => html`<p>Its solution is not trained on: ${marked(why)}</p>`)}
    ${life.contrast.length > 0 && html`<h3>Nearest questions answered right</h3><${Contrast} run=${run} set=${set} near=${life.contrast} />`}
    ${calls.length > 0 && html`<p><a href=${address({ page: "calls", run: run.at || undefined, for: id, round: life.round })}>What LLMs were asked about it</a>: ${took(run, calls)}.</p>`}
    ${life.rows > 0 && html`<p class="quiet">${noun(life.rows, "training row")} of this round ${life.rows === 1 ? "goes" : "go"} back to it.</p>`}` });
  if (life.written.length) {
    const accepted = life.written.filter((at) => run.examples.fates[at] < 0);
    const rejected = accepted.filter((at) => run.examples.reviewed[at] === "rejected");
    steps.push({ kind: "made", title: `Round ${life.round}: written for it`, body: html`<p>${noun(accepted.length, "example")} accepted, ${count(life.written.length - accepted.length)} not${rejected.length ? html`, ${count(rejected.length)} rejected by a person` : ""}. <a href=${address({ page: "examples", run: run.at || undefined, round: life.round, for: set.ids[run.examples.questions[life.written[0]]] })}>All of them</a></p>
      ${life.written.slice(0, 6).map((at) => html`<${Example} run=${run} at=${at} text=${examples.get(at)} brief />`)}` });
  }
  return steps;
}

function Contrast({ run, set, near }) {
  const places = near.map((n) => placeIn(set, n.question_id));
  const texts = useTexts(run, set.name, places.filter((at) => at >= 0));
  return html`<ul class="near">${near.map((n, i) => html`<li><a href=${address({ q: n.question_id, run: run.at || undefined })}>${short(n.question_id)}</a> <span class="quiet">similarity ${n.similarity.toFixed(2)}</span>
    ${texts.get(places[i]) && html`<div class="quiet">${excerpt(texts.get(places[i]).prompt, 160)}</div>`}</li>`)}</ul>`;
}

// What a run that waits would train on, with the word on each so far.

const toReview = ({ ids, solutions }) => {
  const own = solutions.filter(Boolean).length;
  return [[ids.length - own, "example"], [own, "worked solution"]].filter(([n]) => n).map(([n, what]) => noun(n, what)).join(" and ");
};
const NONE = "no word yet";

/** The commands by which a run that waits goes on. */
function GoOn({ run }) {
  const { file, verdicts } = run.proposed, name = plain(run.name);
  const left = verdicts.filter((word) => !word).length;
  return html`<p class="next"><strong>Next</strong> <code>errata review ${name}${file && file !== "review.json" ? ` --out ${plain(file)}` : ""}</code> ${file ? (left ? "goes on with the review" : "goes through it once more") : "asks about them one by one"}; then <code>errata resume ${name} --review ${file ? plain(file) : "review.json"}</code>.${file && left > 0 ? " What has no word by then is trained on as it is." : ""}</p>
  ${!file && html`<p class="quiet"><code>errata resume ${name} --approve</code> takes them all as they are. <code>errata view ${name} --review review.json</code> shows here what was said so far.</p>`}`;
}

function ToReview({ run, route }) {
  const all = run.proposed;
  const found = [];
  if (all) all.verdicts.forEach((word, at) => { if (route.word === undefined || route.word === (word || NONE)) found.push(at); });
  const at = pageOf(route, found.length);
  const shown = found.slice(at * ROWS, (at + 1) * ROWS);
  const texts = useTexts(run, "proposed", shown);
  if (!all) return html`<${Quiet}>This run waits for no review.<//>`;
  const keep = { page: "review", run: run.at || undefined };
  const n = (word) => all.verdicts.filter((one) => (one || NONE) === word).length;
  return html`<div><p>Round ${all.round} would train on ${toReview(all)}.${all.file ? html` So far, by ${short(all.by)} in <code>${plain(all.file)}</code>:` : ""}</p>
    ${all.file && html`<${Table} caption="The word on each" heads=${["Word", "Examples"]} right=${[1]}>
      ${["accepted", "edited", "rejected", NONE].map((word) => html`<tr><th scope="row"><a href=${address({ ...keep, word: route.word === word ? undefined : word })} aria-current=${route.word === word ? "true" : undefined}>${word}</a></th><td class="num">${count(n(word))}</td></tr>`)}<//>`}
    <${GoOn} run=${run} />
    <section aria-labelledby="each"><h2 id="each">${route.word ? html`${plain(route.word)} <a class="chip" href=${address(keep)}>all of them <span aria-hidden="true">×</span></a>` : "Each of them"}</h2>
    <div class="cards">${shown.map((one) => html`<${Proposed} key=${all.ids[one]} run=${run} at=${one} text=${texts.get(one)} />`)}</div>
    <${Pager} total=${found.length} at=${at} route=${{ ...keep, word: route.word }} noun="example" /></section></div>`;
}

/** The messages before the last question of an example. */
const Before = ({ text }) => html`${text.before.map(([role, said]) => html`<p class="quiet">${marked(role)}</p><${Text} text=${said} label=${plain(role)} />`)}${text.before.length > 0 && html`<p class="quiet">user</p>`}`;

function Proposed({ run, at, text }) {
  const { ids, questions, solutions, verdicts } = run.proposed;
  const practice = setOf(run, "practice"), now = text && Object.assign({}, text, ...text.reviews.map((review) => review.after));
  const source = questions[at] >= 0 && html`<a href=${address({ q: practice.ids[questions[at]], run: run.at || undefined })}>${short(practice.ids[questions[at]])}</a>`;
  return html`<article class="example"><header>${verdicts[at] ? html`<${Word} verdict=${verdicts[at]} />` : html`<span class="fate"><span aria-hidden="true">?</span> ${NONE}</span>`}<span class="quiet">${count(at + 1)} of ${count(ids.length)} · ${short(ids[at])}</span></header>
    ${text ? html`<${Before} text=${text} /><${Text} text=${now.prompt} label="Question" /><${Text} text=${now.completion} label="Answer" /><p class="quiet">target <code>${marked(now.target)}</code></p>
      ${text.reviews.some((r) => r.note || r.verdict === "edited") && html`<${Reviews} reviews=${text.reviews} />`}
      ${text.rows.some((r) => r.by !== "example") && html`<${RowsOf} rows=${text.rows} verb="to be trained on" />`}` : html`<p class="quiet" aria-busy="true">Reading …</p>`}
    <footer>${solutions[at] ? html`the worked solution of ${source}` : source && html`written for ${source}`}</footer></article>`;
}

// Causes, and which data helped.

function Causes({ run, route }) {
  const rounds = run.rounds.filter((r) => Object.keys(r.causes).length);
  const names = [...new Set(rounds.flatMap((r) => Object.keys(r.causes)))];
  const most = Math.max(1, ...rounds.flatMap((r) => Object.values(r.causes)));
  const total = (name) => rounds.reduce((sum, r) => sum + (r.causes[name] || 0), 0);
  names.sort((a, b) => total(b) - total(a) || (a < b ? -1 : 1));
  const [all, show] = useState(false);
  const shown = all ? names : names.slice(0, 25);
  if (route.cause && names.includes(route.cause) && !shown.includes(route.cause)) shown.push(route.cause);
  return html`<div>
    ${names.length ? html`<section><h2>What diagnoses named</h2><${Table} caption="Diagnoses by cause and round" heads=${["Cause", ...rounds.map((r) => `Round ${r.index}`)]}>
      ${shown.map((name) => html`<tr class=${route.cause === name ? "chosen" : ""}><th scope="row">${run.causes.includes(name) ? html`<a href=${address({ page: "flips", run: run.at || undefined, set: "practice", cause: name })}>${short(name)}</a>` : short(name)}</th>
        ${rounds.map((r) => html`<td><span class="counted"><span class="n">${count(r.causes[name] || 0)}</span> <${Bar} share=${(r.causes[name] || 0) / most} /></span></td>`)}</tr>`)}<//>
      ${names.length > shown.length && html`<button class="more" onClick=${() => show(true)}>Show all ${count(names.length)} causes</button>`}</section>`
      : html`<${Quiet}>This way of learning asks for no diagnoses.<//>`}
    <${Help} run=${run} route=${route} />
    <${Leaving} run=${run} /></div>`;
}

const share = (s) => (s.of ? html`${count(s.changed)} of ${count(s.of)} <span class="quiet">${between(s.ci95)}</span>` : html`<span class="quiet">none</span>`);

function Help({ run, route }) {
  if (!run.helped.length) return null;
  const one = run.helped.find((h) => String(h.round) === route.round) || run.helped.find((h) => h.asked) || run.helped[0];
  const named = (cause) => run.causes.includes(cause); // a question's own solution has no diagnosis
  const link = (cause) => address({ page: "examples", run: run.at || undefined, round: one.round, cause });
  const flips = (cause) => address({ page: "flips", run: run.at || undefined, set: "practice", from: one.before, to: one.round, cause });
  return html`<section><h2>Which data helped?</h2>
    <p>For each cause: what became of the practice questions that examples were written for, and of the correct answers that were laid beside them, against questions that nothing was written for (a question’s own solution does not count, where examples were written). All rows of a round are trained on together, so this shows what went together with what; <strong>it does not show that an example caused a change</strong>.</p>
    <div class="controls"><${Choice} label="Round" value=${one.round} options=${run.helped.map((h) => [h.round, `${h.round}: from ${nameOf(h.before)}`])} set=${(value) => go({ page: "causes", run: route.run, round: value })} /></div>
    ${one.asked ? html`<${Table} caption=${`Round ${one.round}: practice questions before (${nameOf(one.before)}) and after; with 95% intervals of the share`} heads=${["Written for", "Examples", "Wrong before: fixed", "Right before: broken", "Neighbours, right before: broken"]} right=${[1]}>
      ${one.aimed.map((a) => html`<tr class=${route.cause === a.cause ? "chosen" : ""}><th scope="row">${named(a.cause) ? html`<a href=${flips(a.cause)}>${short(a.cause)}</a>` : short(a.cause)}</th><td class="num">${named(a.cause) ? html`<a href=${link(a.cause)} aria-label=${`${a.examples} examples for ${plain(a.cause)}`}>${count(a.examples)}</a>` : count(a.examples)}</td><td>${share(a.questions.fixed)}</td><td>${share(a.questions.broken)}</td><td>${share(a.neighbours.broken)}</td></tr>`)}
      <tr class="base"><th scope="row">nothing was written</th><td class="num">0</td><td>${share(one.nothing.fixed)}</td><td>${share(one.nothing.broken)}</td><td><span class="quiet">none</span></td></tr><//>`
      : html`<${Quiet}>The model of round ${one.round} was not asked the practice questions (only one that passes dev is), so nothing can be said of them.<//>`}</section>`;
}

function Leaving({ run }) {
  const models = Object.keys(run.departures).sort((a, b) => a - b);
  if (!models.length) return null;
  const kinds = [...new Set(models.flatMap((m) => Object.keys(run.departures[m].first)))];
  return html`<section><h2>Where wrong answers leave the worked solution</h2>
    <${Table} caption="Practice answers, by the first place where they leave the worked solution" heads=${["Model", "Answers", "Right", "With a false equation", ...kinds]} right=${[1, 2, 3, ...kinds.map((_, at) => at + 4)]}>
    ${models.map((m) => { const d = run.departures[m]; return html`<tr><th scope="row">${nameOf(m)}</th><td class="num">${count(d.answers)}</td><td class="num">${count(d.right)}</td><td class="num">${count(d.false_equation)}</td>${kinds.map((k) => html`<td class="num">${count(d.first[k] || 0)}</td>`)}</tr>`; })}<//></section>`;
}

// Examples.

const NEAR = "refused: too near to a held-out question, in any way";
function Examples({ run, route }) {
  const all = run.examples;
  const total = all.rounds.length;
  const practice = setOf(run, "practice");
  const fits = useMemo(() => {
    const asked = route.for === undefined ? null : placeIn(practice, route.for);
    const fate = route.fate === undefined ? null : route.fate === "accepted" ? -1 : all.reasons.indexOf(route.fate);
    const cause = route.cause === undefined ? null : run.causes.indexOf(route.cause);
    const kind = route.kind === undefined ? null : run.kinds.indexOf(route.kind);
    const found = [];
    for (let at = 0; at < total; at++)
      if ((route.round === undefined || all.rounds[at] === Number(route.round)) && (cause === null || all.causes[at] === cause) && (asked === null || all.questions[at] === asked)
        && (kind === null || (all.questions[at] >= 0 && practice.kinds[all.questions[at]] === kind))
        && (route.fate === "refused" ? all.fates[at] >= 0 : route.fate === NEAR ? all.held_out[all.fates[at]] : fate === null || all.fates[at] === fate)
        && (route.review === undefined || (route.review === "any" ? all.reviewed[at] !== "" : all.reviewed[at] === route.review))
        && (route.alike === undefined || all.alike[at] === Number(route.alike))) found.push(at);
    return found;
  }, [run, route.round, route.cause, route.kind, route.fate, route.review, route.for, route.alike]);
  const searched = useSearch(run, "examples", fits, route.text, saidOfExample);
  const groups = useMemo(() => {
    if (route.alike !== undefined) return searched.found.map((at) => [at]);
    const by = new Map();
    for (const at of searched.found) {
      const key = `${all.alike[at]}/${all.fates[at]}/${all.reviewed[at]}/${all.rounds[at]}`;
      if (by.has(key)) by.get(key).push(at); else by.set(key, [at]);
    }
    return [...by.values()];
  }, [searched.found, route.alike]);
  if (!total) return html`<${Quiet}>No example was written${run.training.some((t) => t.rows) ? html`: the rows were made of the practice questions’ own solutions. Each stands with its <a href=${address({ page: "flips", run: run.at || undefined, set: "practice" })}>question</a>` : " so far"}.<//>`;
  const keep = { page: "examples", run: route.run, round: route.round, cause: route.cause, kind: route.kind, fate: route.fate, review: route.review, for: route.for, text: route.text, alike: route.alike };
  const set = (change, replace) => go({ ...keep, ...change }, replace);
  const tallied = new Map();
  for (const at of fits) tallied.set(all.fates[at], (tallied.get(all.fates[at]) || 0) + 1);
  const at = pageOf(route, groups.length);
  const shown = groups.slice(at * ROWS, (at + 1) * ROWS);
  const rounds = [...new Set(all.rounds)];
  const near = all.reasons.filter((_, at) => all.held_out[at]);
  const kinds = practice ? [...new Set(all.questions.filter((at) => at >= 0).map((at) => run.kinds[practice.kinds[at]]))].filter(Boolean).sort() : [];
  const reviews = run.rounds.filter((r) => r.reviewed);
  const texts = useTexts(run, "examples", shown.map(([first]) => first));
  return html`<div>
    <${Search} label="Search the texts" words=${route.text} set=${(text) => set({ text })}>
      <${Choice} label="Round" value=${route.round || ""} options=${[["", "all"], ...rounds.map((r) => [r, r])]} set=${(value) => set({ round: value })} />
      <${Choice} label="Cause" value=${route.cause || ""} options=${[["", "all"], ...run.causes.map((c) => [c, c])]} set=${(value) => set({ cause: value })} />
      ${kinds.length > 1 && html`<${Choice} label="Kind" value=${route.kind || ""} options=${[["", "all"], ...kinds.map((k) => [k, k])]} set=${(value) => set({ kind: value })} />`}
      <${Choice} label="Fate" value=${route.fate || ""} options=${[["", "all"], ["accepted", "accepted"], ["refused", "refused, any reason"], ...(near.length > 1 ? [[NEAR, NEAR]] : []), ...all.reasons.map((r) => [r, `refused: ${r}`])]} set=${(value) => set({ fate: value })} />
      ${reviews.length > 0 && html`<${Choice} label="A person" value=${route.review || ""} options=${[["", "all"], ["any", "said something of it"], ["accepted", "accepted it"], ["edited", "edited it"], ["rejected", "rejected it"]]} set=${(value) => set({ review: value })} />`}
    <//>
    ${reviews.map(({ index, reviewed: r }) => html`<p>Round ${index}, reviewed by ${short(r.by)}: ${noun(r.accepted, "example")} accepted, <${Counted} n=${r.edited} to=${{ page: "examples", run: route.run, review: "edited" }} label=${`${r.edited} edited examples`} /> edited, <${Counted} n=${r.rejected} to=${{ page: "examples", run: route.run, review: "rejected" }} label=${`${r.rejected} rejected examples`} /> rejected. <span class="quiet">Those that the review does not name count as accepted; examples of earlier rounds and solutions are among them.</span></p>`)}
    <${Table} caption="What became of drafts and requests that fit" heads=${["Fate", "Drafts"]} right=${[1]}>
      ${[...tallied].sort((a, b) => b[1] - a[1]).map(([fate, n]) => { const name = fate < 0 ? "accepted" : all.reasons[fate]; return html`<tr><th scope="row"><a href=${address({ ...keep, fate: route.fate === name ? undefined : name })} aria-current=${route.fate === name ? "true" : undefined}>${fate < 0 ? "+ " : "− "}${short(name)}</a></th><td class="num">${count(n)}</td></tr>`; })}<//>
    ${(route.for || route.alike) && html`<p class="filters">Only ${route.for && html`<a class="chip" href=${address({ ...keep, for: undefined })}>written for ${plain(route.for)} <span aria-hidden="true">×</span></a>`}${route.alike && html`<a class="chip" href=${address({ ...keep, alike: undefined })}>the same words <span aria-hidden="true">×</span></a>`}</p>`}
    <section aria-labelledby="drafts"><h2 id="drafts">Drafts</h2>
    <p class="quiet" aria-live="polite" aria-busy=${searched.left ? "true" : undefined}>${searched.left ? html`<${Searching} left=${searched.left} />` : `${noun(searched.found.length, "draft")} in ${noun(groups.length, "group")}; those with the same words and other numbers are together.`}</p>
    <div class="cards">${shown.map((group) => html`<${Example} key=${group[0]} run=${run} at=${group[0]} text=${texts.get(group[0])} more=${group.length > 1 && html`<a href=${address({ ...keep, alike: all.alike[group[0]] })}>${noun(group.length - 1, "more", "more")} with the same words</a>`} />`)}</div>
    <${Pager} total=${groups.length} at=${at} route=${keep} noun="group" /></section></div>`;
}

const saidOfExample = (text) => (text ? [text, ...text.reviews.flatMap((r) => [r, r.after])].flatMap((t) => [t.prompt, t.completion, t.detail, t.note]).join("\n") : "");

/** Whether a round's rows were chosen, and so an example's fate is decided. */
const trainedIn = (run, round) => run.training.some((t) => t.round === round && t.rows);

function became(run, at) {
  const { questions, rounds, fates, reviewed, trained } = run.examples;
  const set = setOf(run, "practice");
  const help = run.helped.find((h) => h.round === rounds[at]);
  if (questions[at] < 0 || fates[at] >= 0 || (reviewed[at] === "rejected" && !trained[at]) || !help || !help.asked) return null;
  const before = set.verdicts[help.before], after = set.verdicts[rounds[at]];
  return before && after ? OUTCOME[before[questions[at]] + after[questions[at]]] : null;
}

function Example({ run, at, text, more, brief }) {
  const { ids, rounds, causes, questions, fates, trained, reviewed, reasons, held_out } = run.examples;
  const practice = setOf(run, "practice");
  const accepted = fates[at] < 0;
  const then = became(run, at);
  const now = text && Object.assign({}, text, ...text.reviews.map((review) => review.after));
  return html`<article class=${accepted && reviewed[at] !== "rejected" ? "example accepted" : "example refused"}>
    <header><span class=${accepted ? "fate yes" : "fate no"}><span aria-hidden="true">${accepted ? "+" : "−"}</span> ${accepted ? `accepted${reviewed[at] ? " by the checks" : ""}, ${trained[at] ? "" : "not "}trained on${trainedIn(run, rounds[at]) ? "" : " yet"}` : html`refused: ${short(reasons[fates[at]])}`}</span>
      ${reviewed[at] && html`<${Word} verdict=${reviewed[at]} />`}
      ${!brief && html`<span class="quiet">round ${rounds[at]}${causes[at] >= 0 ? html` · ${short(run.causes[causes[at]])}` : ""}${accepted ? html` · ${short(ids[at])}` : ""}</span>`}</header>
    ${text ? html`${!accepted && held_out[fates[at]] ? html`<${Quiet}>Its text is not shown: it would give a held-out question away.<//>` : now.prompt && html`<${Before} text=${text} /><${Text} text=${now.prompt} label="Question of the draft" />
      <details><summary>Answer</summary><${Text} text=${now.completion} label="Answer of the draft" /><p class="quiet">target <code>${marked(now.target)}</code></p></details>`}
      <${Reviews} reviews=${text.reviews} />
      <${RowsOf} rows=${text.rows} verb="trained on" />
      ${text.detail && html`<p><strong>Why</strong> ${marked(text.detail)}</p>`}
      ${text.votes && !text.reviews.some((r) => r.verdict === "edited") && html`<p class="quiet">${text.votes[1] ? `${text.votes[0]} of ${text.votes[1]} independent solutions come to its target` : "the solver abstained"}</p>`}` : html`<p class="quiet" aria-busy="true">Reading …</p>`}
    ${!brief && html`<footer>${questions[at] >= 0 && html`written for <a href=${address({ q: practice.ids[questions[at]], run: run.at || undefined })}>${short(practice.ids[questions[at]])}</a>${then ? html`, which was then <${Outcome} name=${then} />` : ""}`}${more && html` · ${more}`}</footer>`}</article>`;
}

/** The training rows that were made of an example. */
function RowsOf({ rows, verb }) {
  const alike = new Map();
  for (const { round, by, rows: n } of rows) {
    const words = by === "example" ? `${noun(n, "row")} word for word` : `${noun(n, "row")} by ${plain(by)}`;
    alike.set(words, [...(alike.get(words) || []), round]);
  }
  return html`${[...alike].map(([words, rounds]) => html`<p class="quiet">${words}, ${verb} in ${rounds.length > 1 ? "rounds" : "round"} ${rounds.join(", ")}</p>`)}`;
}

const WORDS = { accepted: ["yes", "+"], edited: ["yes", "±"], rejected: ["no", "−"] };
const Word = ({ verdict }) => html`<span class=${`fate ${WORDS[verdict][0]}`}><span aria-hidden="true">${WORDS[verdict][1]}</span> ${verdict} by a person</span>`;

const PARTS = { prompt: "Question", completion: "Answer", target: "Target" };

/** What a person said, and each text that was edited, before and after. */
const Reviews = ({ reviews }) => reviews.map((review) => html`<div class="review">
  <p><${Word} verdict=${review.verdict} /> <span class="quiet">${short(review.by)}, round ${review.round}</span></p>
  ${review.note && html`<${Text} text=${review.note} label="Note of the review" />`}
  ${Object.keys(review.before).length > 0 && html`<details><summary>Before and after the edit</summary>${Object.entries(review.before).map(([part, before]) => html`<h3>${PARTS[part]}</h3>
    <${Difference} before=${before} after=${review.after[part]} label=${`${PARTS[part]}, before and after`} whole />`)}</details>`}</div>`);

// Calls.

function Calls({ run, route }) {
  const all = run.calls;
  const total = all.agents.length;
  if (!total) return html`<${Quiet}>No LLM was asked, or its calls are not on record (trace.jsonl).<//>`;
  const practice = setOf(run, "practice");
  const about = route.for === undefined ? null : placeIn(practice, route.for);
  const keep = { page: "calls", run: route.run, for: route.for, agent: route.agent, round: route.round, state: route.state, sort: route.sort };
  const set = (change) => go({ ...keep, ...change });
  const found = [];
  for (let at = 0; at < total; at++)
    if ((about === null || all.questions[at].includes(about)) && (route.agent === undefined || all.agents[at] === route.agent) && (route.round === undefined || all.rounds[at] === Number(route.round))
      && (route.state === undefined || (route.state === "failed" ? all.failed[at] : route.state === "repair" ? all.tries[at] > 1 : all.cached[at]))) found.push(at);
  const key = { slow: (at) => -all.seconds[at], tokens: (at) => -(all.tokens_in[at] || 0) - (all.tokens_out[at] || 0) }[route.sort];
  if (key) found.sort((a, b) => key(a) - key(b) || a - b);
  const at = pageOf(route, found.length);
  const shown = found.slice(at * ROWS, (at + 1) * ROWS);
  const failed = all.failed.filter(Boolean).length;
  const few = about !== null && found.length <= FEW;
  const agents = [...new Set(all.agents)], rounds = [...new Set(all.rounds)];
  return html`<div><${Money} run=${run} brief />
    <section aria-labelledby="each"><h2 id="each">Each call</h2>
    <p>${noun(total, "call")}; of no use: <${Counted} n=${failed} to=${{ page: "calls", run: route.run, state: "failed" }} label=${`${failed} replies of no use`} />.</p>
    <div class="controls">
      <${Choice} label="Agent" value=${route.agent || ""} options=${[["", "all"], ...agents.map((a) => [a, a])]} set=${(value) => set({ agent: value })} />
      <${Choice} label="Round" value=${route.round || ""} options=${[["", "all"], ...rounds.map((r) => [r, r])]} set=${(value) => set({ round: value })} />
      <${Choice} label="Only" value=${route.state || ""} options=${[["", "all"], ["failed", "replies of no use"], ["repair", "asked again"], ["cached", "from the cache"]]} set=${(value) => set({ state: value })} />
      <${Choice} label="Order" value=${route.sort || ""} options=${[["", "as they were made"], ["slow", "slowest first"], ["tokens", "most tokens first"]]} set=${(value) => set({ sort: value })} />
    </div>
    ${route.for !== undefined && html`<p class="filters">Only <a class="chip" href=${address({ ...keep, for: undefined })}>about ${plain(route.for)} <span aria-hidden="true">×</span></a></p>`}
    ${about !== null && html`<p>${took(run, found)}.</p>`}
    ${shown.map((one) => html`<${Call} key=${`${one}/${few}`} run=${run} at=${one} few=${few} />`)}
    <${Pager} total=${found.length} at=${at} route=${keep} noun="call" /></section></div>`;
}

/** What some calls took together. */
function took(run, calls) {
  const { tokens_in, tokens_out, seconds } = run.calls;
  const sum = (column) => calls.reduce((all, at) => (all === null || column[at] === null ? null : all + column[at]), 0);
  return `${noun(calls.length, "call")}, ${unknown(sum(tokens_in))} tokens in, ${unknown(sum(tokens_out))} out, ${duration(sum(seconds))}`;
}

const ORDINALS = { one: "st", two: "nd", few: "rd", other: "th" };
const ordinal = (n) => `${n}${ORDINALS[new Intl.PluralRules("en", { type: "ordinal" }).select(n)]}`;

/** So many calls about one question are opened at once. */
const FEW = 6;
function Call({ run, at, few }) {
  const all = run.calls;
  const [open, set] = useState(few);
  const text = useTexts(run, "calls", open ? [at] : []).get(at);
  return html`<details class="call" open=${open} onToggle=${(event) => set(event.currentTarget.open)}>
    <summary><span class=${all.failed[at] ? "fate no" : "fate yes"}><span aria-hidden="true">${all.failed[at] ? "−" : "+"}</span> ${all.failed[at] ? "of no use" : "used"}</span>
      <strong>${all.agents[at]}</strong> <span>round ${all.rounds[at]}, ${excerpt(all.sources[at], 60)}${all.tries[at] > 1 ? `, asked for the ${ordinal(all.tries[at])} time` : ""}</span>
      <span class="quiet">${unknown(all.tokens_in[at])} tokens in, ${unknown(all.tokens_out[at])} out · ${duration(all.seconds[at])}${all.cached[at] ? " · from the cache" : ""}</span></summary>
    ${open && all.questions[at].length > 0 && html`<p>About ${all.questions[at].map((place, n) => html`${n > 0 && ", "}<a href=${address({ q: setOf(run, "practice").ids[place], run: run.at || undefined })}>${short(setOf(run, "practice").ids[place])}</a>`)}</p>`}
    ${open && (text ? html`${text.error && html`<p><strong>Why it is of no use</strong> ${marked(text.error)}</p>`}
      ${text.messages.map(([role, said]) => html`<h3>${marked(role)}</h3><${Text} text=${said} label=${plain(role)} />`)}
      ${text.thinking && html`<h3>thinking</h3><${Text} text=${text.thinking} label="Thinking" />`}
      ${text.messages.length || text.reply ? html`<h3>reply</h3><${Text} text=${text.reply} label="Reply" />` : html`<${Quiet}>What was asked and said is not kept with the call, since it quotes held-out answers. A judge’s reasons stand beside the answers that it judged.<//>`}` : html`<p class="quiet" aria-busy="true">Reading …</p>`)}</details>`;
}

// Training.

function Training({ run }) {
  if (!run.training.length) return html`<${Quiet}>Nothing was trained yet.<//>`;
  return html`<div>${run.training.map((t) => html`<section><h2>Round ${t.round}</h2>
    <dl class="facts">
      ${t.plan && html`<div><dt>started from</dt><dd>${t.plan.start === "best" ? "the best model" : "the base model"}</dd></div><div><dt>learning rate</dt><dd>${t.plan.learning_rate}</dd></div><div><dt>replay</dt><dd>${(100 * t.plan.replay).toFixed(0)}%</dd></div>`}
      <div><dt>rows</dt><dd>${count(t.rows)}</dd></div>
      ${t.trained && html`<div><dt>tokens</dt><dd>${count(t.trained.tokens)}</dd></div><div><dt>loss of the last step</dt><dd>${t.trained.loss.toFixed(3)}</dd></div><div><dt>left out as too long</dt><dd>${count(t.trained.skipped)}</dd></div><div><dt>objective</dt><dd>${t.trained.objective}, ${t.trained.adapter}</dd></div>`}
      ${!t.trained && html`<div><dt>${run.stands === "at work" || !t.steps.length ? "so far" : "stopped after"}</dt><dd>${t.steps.length ? `${count(t.steps.length)} of ${count(t.of)} steps` : "not trained"}</dd></div>`}
    </dl>
    ${!t.trained && t.round === run.rounds.length - 1 && run.failure && html`<p class="caution">${marked(run.failure)}</p>`}
    ${t.plan && t.plan.why && html`<p class="quiet">Why so: ${marked(t.plan.why)}</p>`}
    <h3>Loss</h3><${Curve} title=${`Loss of round ${t.round}`} values=${t.steps} of=${t.of} unit="Loss" />
    ${t.rates.length > 1 && html`<h3>Learning rate</h3><${Curve} title=${`Learning rate of round ${t.round}`} values=${t.rates} of=${t.of} unit="Learning rate" />`}
  </section>`)}</div>`;
}

// The frame.

const VIEWS = { result: Result, review: ToReview, flips: Flips, question: Question, causes: Causes, examples: Examples, calls: Calls, training: Training };
const TITLES = { ...Object.fromEntries(PAGES), question: "Question" };

function App({ first }) {
  const [page, renew] = useState(first);
  const [route, follow] = useState(params);
  const heading = useRef(null);
  const view = route.q !== undefined ? "question" : VIEWS[route.page] && route.page !== "question" ? route.page : "result";
  const run = page.runs[Number(route.run)] || page.runs[0];
  const where = `${view}/${route.q || ""}/${run.at}`;
  const before = useRef(where);
  useEffect(() => {
    const moved = () => follow(params());
    addEventListener("hashchange", moved);
    addEventListener("popstate", moved);
    if (address(route) !== address(params())) moved(); // it changed while the page was drawn
    return () => { removeEventListener("hashchange", moved); removeEventListener("popstate", moved); };
  }, []);
  const title = view === "question" ? plain(route.q) : TITLES[view];
  useEffect(() => {
    document.title = `${title} · ${page.runs.map((r) => plain(r.name)).join(" and ")} · errata`;
    if (before.current !== where) { before.current = where; scrollTo(0, 0); heading.current.focus({ preventScroll: true }); }
  }, [where]);
  useEffect(() => {
    if (!how.served || page.runs.every((r) => r.report)) return undefined;
    const timer = setInterval(async () => {
      try {
        const found = await read("index");
        if (JSON.stringify(found) !== page.text) { forget(); renew(prepared(found)); }
      } catch { /* the server is gone: what is shown stays */ }
    }, 4000);
    return () => clearInterval(timer);
  }, [page]);
  const View = VIEWS[view];
  const tabs = PAGES.filter(([key]) => key !== "review" || run.proposed);
  return html`<${Fragment}>
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); heading.current.focus(); }}>To the content</a>
    <header class="top"><div class="brand"><span class="logo" aria-hidden="true">e</span><span>${page.runs.map((r, at) => html`${at > 0 && " and "}<strong>${short(r.name)}</strong>`)}</span>
      ${page.runs.length > 1 && html`<${Choice} label="Run" value=${run.at} options=${page.runs.map((r) => [r.at, r.name])} set=${(value) => go({ page: view === "question" ? "result" : view, run: value === "0" ? undefined : value })} />`}</div>
      <nav aria-label="Pages"><ul>${tabs.map(([key, text]) => html`<li><a href=${address({ page: key, run: route.run })} aria-current=${view === key ? "page" : undefined}>${text}</a></li>`)}</ul></nav></header>
    <main id="main"><h1 tabindex="-1" ref=${heading}>${view === "question" ? html`Question ${short(route.q)}` : title}</h1><${View} key=${`${view}/${run.at}`} page=${page} run=${run} route=${route} /></main>
    <footer class="bottom"><p>errata ${plain(run.versions.errata || "")}${run.seal ? html` · seal <code>${run.seal}</code>` : ""} · nothing on this page is loaded from elsewhere</p></footer><//>`;
}

/** `kind/ROUND/KIND` and `cause/ROUND/CAUSE` → accepted examples. */
function writtenFor(run) {
  const { fates, rounds, causes, questions } = run.examples;
  const practice = setOf(run, "practice");
  const found = new Map();
  const add = (key) => found.set(key, (found.get(key) || 0) + 1);
  for (let at = 0; at < fates.length; at++) if (fates[at] < 0) {
    if (questions[at] >= 0) add(`kind/${rounds[at]}/${run.kinds[practice.kinds[questions[at]]]}`);
    if (causes[at] >= 0) add(`cause/${rounds[at]}/${run.causes[causes[at]]}`);
  }
  return found;
}

let version = 0;
function prepared(found) {
  version++;
  const text = how.served ? JSON.stringify(found) : "";
  found.runs.forEach((run, at) => {
    run.at = at;
    run.version = version;
    run.key = (round) => (found.runs.length > 1 ? `${at}/${round}` : String(round));
    run.written = writtenFor(run);
  });
  return { ...found, text };
}

read("index").then(
  (found) => {
    performance.mark("errata:read");
    const app = document.getElementById("app");
    render(html`<${App} first=${prepared(found)} />`, app);
    performance.mark("errata:shown");
    document.documentElement.dataset.ready = "yes";
  },
  (error) => {
    document.getElementById("app").textContent = `This page cannot be read: ${error.message}. It needs a browser from 2023 or later.`;
  },
);
