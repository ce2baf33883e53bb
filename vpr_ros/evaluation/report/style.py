# SPDX-License-Identifier: Apache-2.0
"""How the page looks: by day and by night, on a wide screen, a phone and on paper."""

# Blue, orange, green, purple, pink and gray keep apart for color-blind eyes, too; lines of one
# color are told apart by being dashed.
_DAY = """
--ground:#f6f6f3;--panel:#ffffff;--ink:#1b2030;--soft:#626b7b;--line:#e3e4df;--faint:#efefeb;
--accent:#2b5ea7;--right:#157f4a;--wrong:#c8322f;--missed:#b87514;--refused:#8b93a1;
--c0:#2b5ea7;--c1:#c2661c;--c2:#1d8560;--c3:#7a4fa3;--c4:#b83a74;--c5:#6d7686;
"""
_NIGHT = """
--ground:#11141a;--panel:#191d25;--ink:#e7e9ee;--soft:#9aa3b2;--line:#2c323d;--faint:#222731;
--accent:#86b1f2;--right:#4cc38a;--wrong:#ff7b75;--missed:#f0b24e;--refused:#7d8696;
--c0:#86b1f2;--c1:#f2a25c;--c2:#5ccaa0;--c3:#bd9aea;--c4:#f08ab4;--c5:#9aa3b2;
"""
_SERIES = "".join(
    f".c{i}{{--own:var(--c{i})}}.s{i}{{fill:var(--c{i});background:var(--c{i})}}" for i in range(6)
)

STYLE = f"""
:root{{color-scheme:light dark;{_DAY}}}
@media (prefers-color-scheme:dark){{:root{{{_NIGHT}}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%}}
body{{margin:0;background:var(--ground);color:var(--ink);
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}}
main,header,footer{{max-width:1080px;margin:0 auto;padding:0 20px}}
header{{padding-top:44px}}
h1{{font-size:clamp(1.6rem,4vw,2.3rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 .3em;
 font-weight:650;overflow-wrap:anywhere}}
h2{{font-size:1.2rem;letter-spacing:-.01em;margin:2.6em 0 .8em;font-weight:620}}
h3{{font-size:1rem;margin:1.6em 0 .1em;font-weight:620}}
p{{margin:.3em 0 .9em}}
.lead,.note,.name{{color:var(--soft)}}
.note,.name{{font-size:.875rem}}
b.right{{color:var(--right)}} b.wrong{{color:var(--wrong)}}
.figures{{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:1px;
 background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden;
 margin:1.8em 0 0}}
.figures div{{background:var(--panel);padding:14px 16px}}
.figures dt{{font-size:.8rem;color:var(--soft)}}
.figures dd{{margin:0;font-size:1.55rem;font-weight:620;letter-spacing:-.02em;
 font-variant-numeric:tabular-nums;line-height:1.3}}
.figures dd small{{display:block;font-size:.75rem;font-weight:400;color:var(--soft);
 letter-spacing:0}}
.panels{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:16px}}
.panel{{background:var(--panel);border:1px solid var(--line);border-radius:10px;
 padding:16px 18px;min-width:0}}
.panel>h3:first-child{{margin-top:0}}
.stack>*+*{{margin-top:16px}}
.stack>.panel>h3,.panel>h3{{margin-bottom:.5em}}
.scroll{{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:10px}}
table{{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}}
th,td{{padding:8px 14px;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}}
thead th{{border-top:0;color:var(--soft);font-weight:500;font-size:.8rem}}
th:first-child,td:first-child,td.words,th.words{{text-align:left}}
td.words{{white-space:normal;min-width:13em}}
td small{{color:var(--soft);font-size:.75rem;display:block}}
tr.own td{{background:color-mix(in srgb,var(--accent) 9%,transparent);font-weight:600}}
.chart{{display:block;width:100%;height:auto}}
.chart .axis{{fill:var(--soft);font-size:12px}}
.chart .value{{fill:var(--ink);font-size:13px}}
.chart .grid{{stroke:var(--line)}} .chart .tick,.chart .ruler{{stroke:var(--soft)}}
{_SERIES}
.line{{stroke:var(--own);stroke-width:2.2;stroke-linejoin:round}}
.dashed .line{{stroke-dasharray:5 4;stroke-width:1.6}}
.dot{{fill:var(--own);stroke:var(--panel);stroke-width:1.2}}
.dashed .dot{{fill:var(--panel);stroke:var(--own)}}
.whisker{{stroke:var(--own,var(--soft));stroke-width:1.2;opacity:.55}}
.legend{{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:10px 0 0;padding:0;
 font-size:.85rem;color:var(--soft)}}
.legend li{{display:flex;align-items:center;gap:7px}}
.key{{width:18px;height:0;border-top:3px solid var(--own);flex:none}}
.key.dashed{{border-top-style:dashed;border-top-width:2px}}
.key[class*=" s"]{{height:11px;width:11px;border:0;border-radius:2px}}
.sign{{width:14px;height:14px;flex:none}}
.database{{stroke:var(--refused);stroke-width:3;stroke-linecap:round;fill:none;opacity:.5}}
circle.right{{fill:var(--right)}} circle.refused{{fill:var(--refused)}}
circle.missed{{fill:none;stroke:var(--missed);stroke-width:2}}
path.wrong{{stroke:var(--wrong);stroke-width:2.4;stroke-linecap:round}}
.astray{{stroke:var(--wrong);stroke-width:1;opacity:.45}}
.matrix{{position:relative;line-height:0;min-width:0}}
.beside{{display:flex;flex-wrap:wrap;gap:12px 24px;align-items:flex-start}}
.beside .note{{flex:1 1 200px;margin:0}}
.matrix img{{width:100%;height:auto;image-rendering:pixelated;border-radius:6px}}
.matrix svg{{position:absolute;inset:0;width:100%;height:100%}}
.matrix rect.right{{fill:#7dffb4}} .matrix rect.wrong{{fill:#ff5a4f}}
.cases{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,460px),1fr));gap:16px}}
.case{{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:10px;
 overflow:hidden;min-width:0}}
.pair{{display:grid;position:relative;line-height:0}}
.pair img{{width:100%;height:auto;display:block;min-width:0}}
.pair img+img{{box-shadow:-2px 0 0 var(--panel)}}
.pair.over img+img{{box-shadow:0 -2px 0 var(--panel)}}
.pair svg{{z-index:1;position:absolute;inset:0;width:100%;height:100%}}
.pair line{{stroke-width:1.1;vector-effect:non-scaling-stroke;opacity:.6}}
svg.right line{{stroke:#59f0a0}} svg.right circle{{fill:#59f0a0}}
svg.wrong line{{stroke:#ff8a80}} svg.wrong circle{{fill:#ff8a80}}
.names{{display:grid;gap:10px;padding:8px 12px 0;font-size:.78rem;color:var(--soft)}}
.names em{{font-style:normal;opacity:.75}}
.names span{{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}}
.said{{margin:2px 12px 10px;font-size:.87rem}}
.said::before{{content:"";display:inline-block;width:9px;height:9px;border-radius:50%;
 margin-right:7px;background:var(--right)}}
.said.wrong::before{{background:var(--wrong);border-radius:1px;transform:rotate(45deg)}}
details{{margin:0 12px 12px;font-size:.85rem}}
summary{{cursor:pointer;color:var(--accent)}}
details img{{max-width:60%;height:auto;border-radius:6px;margin-top:8px;display:block}}
pre{{background:var(--faint);border:1px solid var(--line);border-radius:8px;padding:12px 14px;
 overflow-x:auto;font:.84rem/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;
 white-space:pre-wrap;overflow-wrap:anywhere;margin:.4em 0 1em}}
footer{{padding:36px 20px 48px;color:var(--soft);font-size:.85rem}}
a{{color:var(--accent)}}
:focus-visible{{outline:2px solid var(--accent);outline-offset:2px}}
@media (max-width:560px){{th,td{{padding:7px 10px}}.panel{{padding:13px 12px}}
 header{{padding-top:28px}}}}
@media print{{body{{background:#fff}}.panel,.case,.scroll{{break-inside:avoid}}}}
"""
