"""The style sheet of the HTML page: light and dark, colours that the colour-blind tell apart."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #57606a; --line: #d8dee4;
  --paper: #fff; --permuted: #0072b2; --default: #d55e00; --track: #eef1f4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d;
  --paper: #0d1117; --permuted: #56b4e9; --default: #e69f00; --track: #1c2128; } }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 32px 0 8px; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; padding: 0; list-style: none; }
.cards li { flex: 1 1 180px; border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 16px; display: flex; flex-direction: column; }
.cards strong { font-size: 26px; font-variant-numeric: tabular-nums; }
.cards span, small, .notes, .legend, .dense, dt { color: var(--soft); font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td { white-space: nowrap; } td.notes { white-space: normal; min-width: 220px; }
thead th { color: var(--soft); font-weight: 500; font-size: 13px; }
tbody th { font-weight: 500; } small { display: block; font-weight: 400; }
.bar { position: relative; width: 220px; height: 16px; margin-top: 4px;
  background: var(--track); }
.bar b { position: absolute; display: block; left: 0; }
.bar .permuted { top: 0; height: 9px; } .bar .default { top: 10px; height: 6px; }
.permuted { background: var(--permuted); } .default { background: var(--default); }
.bar .optimum { top: -2px; height: 20px; width: 2px; background: var(--ink); }
.legend i { display: inline-block; width: 14px; height: 9px; margin: 0 4px 0 12px; }
.legend .permuted { margin-left: 0; }
.legend .optimum { width: 2px; height: 14px; vertical-align: middle; background: var(--ink); }
.figure { background: #fff; border-radius: 8px; padding: 4px; }
summary { cursor: pointer; padding: 3px 0; } .pair { display: flex; flex-wrap: wrap; gap: 16px; }
figure { flex: 1 1 320px; margin: 0; } figcaption { color: var(--soft); font-size: 13px; }
img { width: 100%; max-height: 420px; image-rendering: pixelated; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; }
dd { margin: 0; font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
"""
