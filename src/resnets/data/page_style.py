"""The style that pages share: narrow and wide, light and dark."""

STYLE = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #fff; --ink: #1b2430; --quiet: #5c6878;
  --line: #e1e5ea; --bar: #a9c1ea; --error: #b3261e; --warning: #8a5300; --note: #2a5db0;
  --fine: #1d7a46; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --card: #1b2129; --ink: #e6eaf0;
  --quiet: #9aa6b6; --line: #2c3440; --bar: #38588c; --error: #ff8a80; --warning: #f2b455;
  --note: #8ab4f8; --fine: #6fd39b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 64px; }
h1, h2, h3, p, dl, dd, figure, ul { margin: 0; }
h1 { font-size: 1.9rem; line-height: 1.2; }
h2 { font-size: 1.15rem; margin: 40px 0 12px; }
h2 small { font-weight: 400; font-size: .875rem; color: var(--quiet); margin-left: 6px; }
h3 { font-size: 1.05rem; line-height: 1.35; }
code { font: .8125rem/1.4 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
header { background: var(--card); border: 1px solid var(--line); border-top: 5px solid var(--tone);
  border-radius: 12px; padding: 24px; }
.error { --tone: var(--error); } .warning { --tone: var(--warning); } .note { --tone: var(--note); }
.fine { --tone: var(--fine); }
.eyebrow { color: var(--quiet); font-size: .875rem; }
.verdict { color: var(--tone); font-weight: 600; margin-top: 8px; }
.where { color: var(--quiet); font-size: .875rem; margin-top: 2px; }
.facts { display: flex; flex-wrap: wrap; gap: 12px 32px; margin-top: 20px; }
.facts div { display: flex; flex-direction: column-reverse; }
.facts dt { color: var(--quiet); font-size: .8125rem; }
.facts dd { font-size: 1.375rem; font-weight: 600;
  font-variant-numeric: tabular-nums; line-height: 1.2; }
article { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--tone);
  border-radius: 10px; padding: 16px 18px; margin-bottom: 12px; }
article > p { color: var(--quiet); margin-top: 4px; font-size: .9375rem; }
article ul { margin-top: 10px; padding-left: 20px; font-size: .875rem; }
li code { color: var(--quiet); margin-right: 6px; }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 16px 14px;
  margin-top: 14px; }
.examples:has(.pair) { grid-template-columns: repeat(auto-fill, minmax(208px, 1fr)); }
.pictures { display: flex; gap: 4px; }
.pictures > * { flex: 1 1 0; min-width: 0; max-width: 140px; aspect-ratio: 1; object-fit: contain;
  background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
.pair .pictures > * { max-width: none; }
.small { image-rendering: pixelated; }
.none { display: grid; place-items: center; color: var(--quiet); font-size: .75rem; text-align: center; }
figcaption { margin-top: 5px; }
figcaption .note { display: block; font-size: .8125rem; line-height: 1.35; }
figcaption code { display: block; color: var(--quiet); font-size: .75rem; }
.more { color: var(--quiet); font-size: .8125rem; }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; font-size: .875rem; table-layout: fixed; }
th, td { text-align: left; font-weight: 400; padding: 3px 10px; }
thead th { color: var(--quiet); padding-top: 8px; }
tbody tr:last-child > * { padding-bottom: 8px; }
td { position: relative; font-variant-numeric: tabular-nums; }
.bar { position: absolute; left: 10px; top: 4px; bottom: 4px; background: var(--bar); border-radius: 3px;
  max-width: calc(100% - 20px); }
.number { position: relative; padding-left: 6px; }
@media (max-width: 480px) { main { padding: 12px 12px 48px; } header { padding: 18px 16px; }
  h1 { font-size: 1.5rem; } .facts { gap: 10px 24px; } .facts dd { font-size: 1.125rem; }
  article { padding: 14px; } th, td { padding: 3px 8px; } }
@media print { body { background: none; } article { break-inside: avoid; } }
"""
