// Small charts of our own, in SVG. Each says its figures in words, and a table has them too.

/** Width of an element in CSS pixels, so that lettering keeps its size. */
function useWidth() {
  const ref = useRef(null);
  const [width, set] = useState(640);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => set(Math.max(200, Math.round(entry.contentRect.width))));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

function Chart({ title, words, height, draw, most = 760 }) {
  const [ref, found] = useWidth();
  const id = useId();
  const width = Math.min(found, most);
  return html`<div class="chart" ref=${ref}><svg role="img" aria-labelledby=${`${id}-t`} aria-describedby=${`${id}-d`} width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}>
    <title id=${`${id}-t`}>${title}</title><desc id=${`${id}-d`}>${words}</desc>${draw(width, height)}</svg></div>`;
}

const line = (x1, y1, x2, y2, name) => html`<line x1=${x1} y1=${y1} x2=${x2} y2=${y2} class=${name} />`;
const label = (x, y, text, name = "", anchor = "middle") =>
  html`<text x=${x} y=${y} class=${name} text-anchor=${anchor}>${text}</text>`;

/** Accuracies with their intervals: [{label, value, ci95, filled}], a target, a step line. */
function Accuracies({ title, models, target }) {
  const words = models.map((m) => `${m.label}: ${m.value === null ? "no candidate" : `${percent(m.value)}, interval ${between(m.ci95)}`}`).join("; ");
  return html`<${Chart} title=${title} words=${words} height=${260} draw=${(width, height) => {
    const left = 46, right = 14, top = 18, bottom = 30;
    const y = (share) => top + (1 - share) * (height - top - bottom);
    const step = (width - left - right) / models.length;
    const x = (at) => left + step * (at + 0.5);
    let best = null;
    const path = [];
    models.forEach((m, at) => {
      if (m.value !== null && m.filled) best = m.value;
      if (best !== null) path.push(`${path.length ? "L" : "M"}${x(at) - step / 2},${y(best)}L${x(at) + step / 2},${y(best)}`);
    });
    return html`<g>
      ${[0, 0.25, 0.5, 0.75, 1].map((s) => html`<g>${line(left, y(s), width - right, y(s), "rule")}${label(left - 8, y(s) + 4, `${100 * s}%`, "small", "end")}</g>`)}
      ${target !== undefined && html`<g>${line(left, y(target), width - right, y(target), "target")}${label(left + 4, y(target) + (target > 0.85 ? 14 : -5), `target ${(100 * target).toFixed(0)}%`, "small", "start")}</g>`}
      <path d=${path.join("")} class="trail" />
      ${models.map((m, at) => m.value === null
        ? label(x(at), y(0) - 8, "not examined", "small")
        : html`<g>${line(x(at), y(m.ci95[0]), x(at), y(m.ci95[1]), "whisker")}
          ${line(x(at) - 5, y(m.ci95[0]), x(at) + 5, y(m.ci95[0]), "whisker")}${line(x(at) - 5, y(m.ci95[1]), x(at) + 5, y(m.ci95[1]), "whisker")}
          <circle cx=${x(at)} cy=${y(m.value)} r="5.5" class=${m.filled ? "dot" : "dot hollow"} />
          ${step > 50 && (x(at) + 56 > width ? label(x(at) - 11, y(m.value) + 4, percent(m.value), "value", "end") : label(x(at) + 11, y(m.value) + 4, percent(m.value), "value", "start"))}</g>`)}
      ${models.map((m, at) => (step > 34 || at % Math.ceil(34 / step) === 0) && label(x(at), height - 8, m.label, "small"))}
    </g>`;
  }} />`;
}

/** Before and after on a scale from 0 to 100%. */
function Dumbbell({ before, after }) {
  const x = (share) => 6 + share * 108;
  return html`<svg class="dumbbell" width="120" height="14" viewBox="0 0 120 14" aria-hidden="true">
    ${line(6, 7, 114, 7, "rule")}${line(x(before), 7, x(after), 7, after < before ? "fell" : "rose")}
    <circle cx=${x(before)} cy="7" r="4" class=${after < before ? "end hollow fell" : "end hollow"} /><circle cx=${x(after)} cy="7" r="4" class=${after < before ? "end fell" : "end"} /></svg>`;
}

/** A share as a bar beside its number. */
const Bar = ({ share, name = "" }) => html`<svg class="bar" width="80" height="8" viewBox="0 0 80 8" aria-hidden="true">
  <rect x="0" y="0" width="80" height="8" rx="2" class="track" /><rect x="0" y="0" width=${Math.max(share > 0 ? 1 : 0, 80 * share)} height="8" rx="2" class=${`fill ${name}`} /></svg>`;

/** From right and wrong before to right and wrong after, in four bands. */
function Flow({ counts, first, second }) {
  const total = counts.asked || 1;
  const words = `Of ${noun(counts.asked, "question")}: ${count(counts.kept_right)} kept right, ${count(counts.fixed)} fixed, ${count(counts.broken)} broken, ${count(counts.kept_wrong)} kept wrong.`;
  return html`<${Chart} title=${plain(`${first} to ${second}`)} words=${words} height=${200} most=${520} draw=${(width, height) => {
    const top = 26, gap = 10, all = height - top - gap - 4, bar = 12;
    const tall = (n) => (all * n) / total;
    const a = { right: top, wrong: top + tall(counts.kept_right + counts.broken) + gap };
    const b = { right: top, wrong: top + tall(counts.kept_right + counts.fixed) + gap };
    const x0 = bar, x1 = width - bar, mid = (x0 + x1) / 2;
    const band = (y0, y1, n, name) => n > 0 && html`<path class=${`band ${name}`} d=${`M${x0},${y0}C${mid},${y0} ${mid},${y1} ${x1},${y1}L${x1},${y1 + tall(n)}C${mid},${y1 + tall(n)} ${mid},${y0 + tall(n)} ${x0},${y0 + tall(n)}Z`} />`;
    const side = (x, y, n, name) => n > 0 && html`<rect x=${x} y=${y} width=${bar} height=${tall(n)} class=${`side ${name}`} />`;
    // Those that change sides cross in the middle: theirs stand where they are still apart.
    const said = (y0, y1, n, sign, text, along = 0.5) => tall(n) > 15 && label(x0 + (along < 0.5 ? 0.3 : along > 0.5 ? 0.7 : 0.5) * (x1 - x0), y0 + along * (y1 - y0) + tall(n) / 2 + 4, `${sign} ${count(n)} ${text}`, "value");
    return html`<g>
      ${label(0, 14, plain(first).slice(0, 40), "small", "start")}${label(width, 14, plain(second).slice(0, 40), "small", "end")}
      ${band(a.right, b.right, counts.kept_right, "kept")}
      ${band(a.wrong + 0, b.right + tall(counts.kept_right), counts.fixed, "fixed")}
      ${band(a.right + tall(counts.kept_right), b.wrong + 0, counts.broken, "broken")}
      ${band(a.wrong + tall(counts.fixed), b.wrong + tall(counts.broken), counts.kept_wrong, "kept")}
      ${side(0, a.right, counts.kept_right + counts.broken, "right")}${side(0, a.wrong, counts.fixed + counts.kept_wrong, "wrong")}
      ${side(x1, b.right, counts.kept_right + counts.fixed, "right")}${side(x1, b.wrong, counts.broken + counts.kept_wrong, "wrong")}
      ${said(a.right, b.right, counts.kept_right, "=", "kept right")}
      ${said(a.wrong, b.right + tall(counts.kept_right), counts.fixed, "+", "fixed", counts.broken ? 0.84 : 0.5)}
      ${said(a.right + tall(counts.kept_right), b.wrong, counts.broken, "−", "broken", counts.fixed ? 0.84 : 0.5)}
      ${said(a.wrong + tall(counts.fixed), b.wrong + tall(counts.broken), counts.kept_wrong, "·", "kept wrong")}
    </g>`;
  }} />`;
}

/** A curve of [x, y] pairs. */
function Curve({ title, values, of, unit }) {
  const shown = values.filter(([, y]) => Number.isFinite(y));
  if (shown.length < 2) return html`<p class="quiet">${shown.length ? `One step: ${unit} ${shown[0][1].toPrecision(3)}.` : "No step is on record."}</p>`;
  const ys = shown.map(([, y]) => y);
  const high = Math.max(...ys), low = Math.min(0, ...ys);
  const last = of || shown[shown.length - 1][0];
  const words = `${unit} from ${ys[0].toPrecision(3)} at step ${shown[0][0]} to ${ys[ys.length - 1].toPrecision(3)} at step ${shown[shown.length - 1][0]}; lowest ${Math.min(...ys).toPrecision(3)}, highest ${high.toPrecision(3)}.`;
  const every = Math.ceil(shown.length / 1500);
  return html`<${Chart} title=${title} words=${words} height=${180} draw=${(width, height) => {
    const left = 46, right = 12, top = 12, bottom = 26;
    const x = (step) => left + ((step - 1) / Math.max(1, last - 1)) * (width - left - right);
    const y = (value) => top + (1 - (value - low) / (high - low || 1)) * (height - top - bottom);
    const d = shown.filter((_, at) => at % every === 0 || at === shown.length - 1).map(([s, v], at) => `${at ? "L" : "M"}${x(s).toFixed(1)},${y(v).toFixed(1)}`).join("");
    return html`<g>${[low, (low + high) / 2, high].map((v) => html`<g>${line(left, y(v), width - right, y(v), "rule")}${label(left - 8, y(v) + 4, v.toPrecision(2), "small", "end")}</g>`)}
      <path d=${d} class="curve" />
      ${label(left, height - 6, "step 1", "small", "start")}${label(width - right, height - 6, `step ${count(last)}`, "small", "end")}</g>`;
  }} />`;
}
