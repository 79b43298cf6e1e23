"""The page's style sheet; one palette for light and one for dark."""

CSS = """
:root{--bg:#fbfaf7;--fg:#1c1d20;--dim:#6c6f76;--line:#dcd9d0;--card:#fff;--hit:#b3261e;--clear:#2e7d4f;--warn:#b7791f;--blue:#2b5c9e}
@media(prefers-color-scheme:dark){:root{--bg:#16171a;--fg:#e9e7e1;--dim:#9b9da3;--line:#33353b;--card:#1e2024;--hit:#ef7068;--clear:#6cc492;
--warn:#e0b45c;--blue:#86b0ea}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 80px}h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:0 0 6px}
h3{font-size:15px;margin:18px 0 4px}h3 small{color:var(--dim);font-weight:400}section{background:var(--card);border:1px solid var(--line);
border-radius:8px;padding:18px 20px;margin:18px 0}.note,.legend,.why{color:var(--dim);margin:0 0 10px;font-size:13.5px}
.verdict{display:inline-block;font-weight:700;font-size:18px;padding:2px 12px;border-radius:6px;border:2px solid var(--warn);margin:6px 0}
.verdict.converged,.verdict.clear{border-color:var(--clear);color:var(--clear)}.verdict.stuck,.verdict.escalated,.verdict.hit{border-color:var(--hit);color:var(--hit)}
summary{cursor:pointer;font-size:13.5px;color:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:13.5px;margin:6px 0}
th,td{text-align:left;vertical-align:top;padding:5px 8px;
border-bottom:1px solid var(--line);overflow-wrap:anywhere}th{color:var(--dim);font-weight:600}code,pre{font:12.5px ui-monospace,monospace}
td code,table.short th,table.short td:nth-child(-n+3),table.short td:nth-child(5),table.short td:nth-child(6){white-space:nowrap}
pre{overflow-x:auto}.scroll{overflow-x:auto}.strip{display:flex;flex-wrap:wrap;gap:6px 18px}
.narrow figure{max-width:210px}figure{margin:0}figcaption{font-size:12.5px;color:var(--dim)}
.legend span{margin-right:16px;white-space:nowrap}.legend svg{vertical-align:-2px;margin-right:5px}.role{color:var(--dim);font-size:12px}
td.hit,.refuted{color:var(--hit)}td.clear,.confirmed{color:var(--clear)}td.inconclusive,.unverified{color:var(--warn)}
svg text{fill:var(--fg);font:11px system-ui,sans-serif}svg text.tick,svg text.edge,svg text.label{fill:var(--dim)}
path.edge{fill:none;stroke:var(--line);stroke-width:2}circle.plain{fill:var(--line)}circle.clear{fill:var(--clear)}circle.hit{fill:var(--hit)}
circle.inconclusive{fill:var(--warn)}circle.released{fill:var(--clear);stroke:var(--fg);stroke-width:2.5}line.clear{stroke:var(--clear);stroke-width:3}
line.hit{stroke:var(--hit);stroke-width:3}line.inconclusive{stroke:var(--warn);stroke-width:3}line.tolerance{stroke:var(--dim);stroke-dasharray:4 4}
line.grid{stroke:var(--line)}.plots{display:flex;flex-wrap:wrap;gap:10px 30px}.plots figure{flex:1 1 420px;max-width:540px}
polyline.s0,line.s0{stroke:var(--blue)}polyline.s1,line.s1{stroke:var(--hit);stroke-dasharray:7 3}
polyline.s2,line.s2{stroke:var(--clear);stroke-dasharray:2 3}
polyline.s3,line.s3{stroke:var(--warn);stroke-dasharray:9 3 2 3}polyline.s0,polyline.s1,polyline.s2,polyline.s3{fill:none;stroke-width:2}
circle.s0{fill:var(--blue)}circle.s1{fill:var(--hit)}circle.s2{fill:var(--clear)}circle.s3{fill:var(--warn)}line.s1,line.s2,line.s3{stroke-dasharray:none}
rect.window{fill:var(--hit);opacity:.13}polyline.curve{fill:none;stroke:var(--hit);stroke-width:2}line.whisker{stroke:var(--hit);opacity:.5}
"""
