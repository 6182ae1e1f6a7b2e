"""What the page of a training needs besides the style that all pages share: rules and one script."""

from resnets.reporting.charts import CHART_RULES, chart_style

_COLOURS = f"""
:root {{ --right: 10 102 194; --wrong: 213 94 0; {chart_style(dark=False)} }}
@media (prefers-color-scheme: dark) {{ :root {{ --right: 88 160 236; --wrong: 230 140 60;
  {chart_style(dark=True)} }} }}
"""

_RULES = """
html { scroll-padding-top: 12px; }
h1 code { font-size: .8em; }
.verdict { font-size: 1.0625rem; max-width: 56em; color: var(--ink); font-weight: 500; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 16px; }
.facts div { justify-content: flex-end; }
.facts small { display: block; font-size: .75rem; }
nav { margin-top: 18px; font-size: .875rem; display: flex; flex-wrap: wrap; gap: 4px 18px; }
a { color: var(--note); } nav a { text-decoration: none; } a:hover { text-decoration: underline; }
a:focus-visible, button:focus-visible, summary:focus-visible, .scroll:focus-visible,
input:focus-visible {
  outline: 2px solid var(--note); outline-offset: 2px; border-radius: 4px; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px;
  margin-bottom: 12px; }
.panel > p + * , .panel > * + p { margin-top: 12px; }
.lead { color: var(--quiet); margin: -4px 0 14px; max-width: 62em; font-size: .9375rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(280px, 100%), 1fr));
  gap: 20px 28px; align-items: start; }
.chart { width: 100%; max-width: 460px; height: auto; display: block; overflow: visible; }
.scroll { overflow: auto; max-width: 100%; }
.tall { max-height: 34rem; }
.panel table { border: 0; border-radius: 0; background: none; table-layout: auto; }
caption { text-align: left; color: var(--quiet); font-size: .8125rem; padding: 0 0 8px; }
.plain th, .plain td { padding: 5px 18px 5px 0; vertical-align: top; }
.plain thead th { padding-top: 0; }
.plain tbody tr { border-top: 1px solid var(--line); }
.plain tbody tr:last-child > * { padding-bottom: 5px; }
.definitions tbody tr:first-child { border-top: 0; }
.definitions th { color: var(--quiet); white-space: nowrap; width: 1%; }
.number { text-align: right; white-space: nowrap; padding-left: 0; font-variant-numeric: tabular-nums; }
.sortable th[scope=row], .sortable td:last-child { min-width: 9rem; }
caption span { display: inline-block; max-width: calc(100vw - 58px); }
.sticky thead th { position: sticky; top: 0; background: var(--card); z-index: 1;
  box-shadow: 0 1px 0 var(--line); padding: 6px 18px 6px 0; }
thead button { all: unset; cursor: pointer; color: var(--quiet); white-space: nowrap; }
thead button:hover { color: var(--ink); }
[aria-sort=ascending] button::after { content: " ▲"; font-size: .7em; }
[aria-sort=descending] button::after { content: " ▼"; font-size: .7em; }
.find { font: inherit; font-size: .875rem; color: inherit; background: var(--paper); margin-bottom: 10px;
  border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px; width: min(100%, 20rem); }
.interval { position: relative; width: 128px; min-width: 96px; }
.interval svg { display: block; width: 100%; height: 14px; margin-top: 4px; }
.interval .track { fill: var(--grid); } .interval .range { fill: var(--first); opacity: .35; }
.interval .value { fill: var(--first); }
.matrix { width: auto !important; font-size: .8125rem; border-collapse: separate; border-spacing: 2px; }
.matrix td { text-align: center; min-width: 42px; height: 32px; padding: 0 4px; border-radius: 4px; }
.matrix tbody tr:last-child > * { padding-bottom: 0; }
.matrix th { padding: 0 8px 0 0; color: var(--quiet); white-space: nowrap; max-width: 11rem;
  overflow: hidden; text-overflow: ellipsis; }
.matrix thead th { padding: 0 0 4px; text-align: center; vertical-align: bottom; }
.matrix thead th span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg);
  max-height: 9rem; overflow: hidden; text-overflow: ellipsis; }
.matrix tbody th { position: sticky; left: 0; background: var(--card); text-align: right; z-index: 1; }
.matrix .right { background: rgb(var(--right) / var(--v)); }
.matrix .wrong { background: rgb(var(--wrong) / var(--v)); }
.matrix .zero { color: var(--line); }
.picture { width: 100%; max-width: 600px; display: block; border: 1px solid var(--line);
  border-radius: 6px; background: var(--paper); }
.picture image { image-rendering: pixelated; }
.picture rect { fill: transparent; } .picture rect:hover { stroke: var(--ink); stroke-width: .6; }
.more + .scroll { margin-top: 10px; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr));
  gap: 24px 32px; align-items: start; }
.wide { grid-template-columns: minmax(0, 5fr) minmax(min(280px, 100%), 3fr); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 18px 14px; }
.gallery .pictures > * { max-width: none; }
.gallery figcaption { font-size: .8125rem; line-height: 1.35; }
.gallery b { font-weight: 600; }
.truth { color: var(--ink); } .answer { color: var(--quiet); display: block; }
pre { margin: 0; overflow-x: auto; background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; padding: 12px 14px; font: .8125rem/1.5 ui-monospace, "SF Mono", Menlo,
  "DejaVu Sans Mono", monospace; overflow-wrap: normal; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--quiet); font-size: .9375rem; }
details[open] summary { margin-bottom: 10px; }
.tag { font-size: .75rem; font-weight: 600; color: var(--tone); min-width: 4.6em; line-height: 2; }
.found { padding: 0; list-style: none; display: grid; gap: 10px; }
.found li { display: grid; grid-template-columns: auto 1fr; gap: 2px 8px; }
.found small { grid-column: 2; color: var(--quiet); font-size: .875rem; }
.pairs td:last-child { width: 40%; }
.pairs .bar { position: static; display: block; height: 10px; background: rgb(var(--wrong) / .75); }
@media (max-width: 720px) { .wide { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 480px) { .panel { padding: 14px; } .gallery { gap: 14px 10px;
  grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); } }
@media print { .tall { max-height: none; } nav, .find { display: none; } }
"""

STYLE = _COLOURS + CHART_RULES + _RULES

SCRIPT = """
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const key = (row, i) => {
    const cell = row.cells[i], value = cell.dataset.value;
    return value === undefined ? cell.textContent.toLowerCase() : Number(value);
  };
  heads.forEach((head, i) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const rows = [...body.rows].map(row => [key(row, i), row]);
      rows.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (up ? 1 : -1));
      body.append(...rows.map(row => row[1]));
    });
  });
  if (body.rows.length > 20) {
    const find = document.createElement('input');
    find.type = 'search';
    find.className = 'find';
    find.placeholder = 'Find a class';
    find.setAttribute('aria-label', 'Find a class');
    find.addEventListener('input', () => {
      const words = find.value.toLowerCase();
      for (const row of body.rows)
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(words);
    });
    table.parentElement.before(find);
  }
}
"""
