/* SPDX-License-Identifier: Apache-2.0
 *
 * The look of the page. Colours are those of Okabe and Ito,
  which people with any kind of colour vision tell
 * apart, lighter ones on dark ground.
 */
#include "bench/hardware/page_style.h"

namespace bench
{

const char page_style[] = R"css(
:root { color-scheme: light dark; --ground:#fff; --card:#f7f8fa; --ink:#16202b; --soft:#5b6774;
  --rule:#dde2e8;
  --c0:#0072b2; --c1:#d55e00; --c2:#008a64; --c3:#a8487f; --c4:#9a6a00; --c5:#3b86b8; }
@media (prefers-color-scheme: dark) { :root { --ground:#11161c; --card:#1a2129; --ink:#e8edf2;
  --soft:#9aa7b4;
  --rule:#2c3641; --c0:#5cb6f2; --c1:#ff9257; --c2:#41cfa4; --c3:#ec9cc8; --c4:#f0bd4a; --c5:#9bd0f5; } }
* { box-sizing:border-box }
body { margin:0; background:var(--ground); color:var(--ink); line-height:1.5;
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif; }
main { max-width:1060px; margin:0 auto; padding:40px 28px 72px }
h1 { font-size:30px; line-height:1.2; letter-spacing:-.02em; margin:0 0 4px; font-weight:680 }
h2 { font-size:20px; letter-spacing:-.01em; margin:52px 0 6px; font-weight:650 }
p { max-width:70ch; margin:6px 0 14px; color:var(--soft) }
.facts { display:flex; flex-wrap:wrap; gap:12px; margin:26px 0 8px }
.fact { background:var(--card); border:1px solid var(--rule); border-radius:12px; padding:14px 18px;
  flex:1 1 200px }
.fact b { display:block; font-size:25px; letter-spacing:-.02em; line-height:1.25; font-weight:650 }
.fact span { color:var(--soft); font-size:13.5px }
.grid { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr)); gap:18px;
  margin-top:14px }
figure { margin:0; background:var(--card); border:1px solid var(--rule); border-radius:12px;
  padding:16px 14px 8px }
svg { display:block; width:100%; height:auto; overflow:visible;
  font:11.5px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif }
text { fill:var(--ink) } .title { font-size:13px; font-weight:640 }
.tick,.unit { fill:var(--soft) } .end { text-anchor:end } .middle { text-anchor:middle }
line.grid { stroke:var(--rule); stroke-width:1 }
.axis { stroke:var(--soft); stroke-width:1 } .cross { stroke:var(--ink); stroke-width:1;
  stroke-dasharray:2 3 }
.across { stroke:var(--ink); stroke-width:2 }
.line { fill:none; stroke:currentColor; stroke-width:2.2; stroke-linejoin:round; stroke-linecap:round }
.dashed { stroke-dasharray:1.5 5; opacity:.85 } .mark,.bar { fill:currentColor }
  .label { fill:currentColor; font-weight:600 }
.pale { opacity:.42 } .value { font-variant-numeric:tabular-nums }
.s0{color:var(--c0)}.s1{color:var(--c1)}.s2{color:var(--c2)}.s3{color:var(--c3)}.s4{color:var(--c4)}
  .s5{color:var(--c5)}
pre { background:var(--card); border:1px solid var(--rule); border-radius:12px; padding:16px 18px;
  overflow-x:auto;
  font:13px/1.55 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace; margin:12px 0 }
.key { display:inline-block; margin-right:18px; font-size:14px }
.key i { display:inline-block; width:12px; height:12px; border-radius:3px; background:currentColor;
  margin-right:6px;
  vertical-align:-1px } .key span { color:var(--soft) }
table { border-collapse:collapse; width:100%; font-size:13px; font-variant-numeric:tabular-nums }
td,th { text-align:left; padding:5px 12px 5px 0; border-bottom:1px solid var(--rule); vertical-align:top }
th { font-weight:600; color:var(--soft); white-space:nowrap } td { overflow-wrap:anywhere }
@media print { :root { --ground:#fff; --card:#fff; --ink:#000; --soft:#444; --rule:#ccc; --c0:#0072b2;
  --c1:#d55e00;
  --c2:#008a64; --c3:#a8487f; --c4:#9a6a00; --c5:#3b86b8; color-scheme:light }
  main { max-width:none; padding:0 } figure,pre,.fact { break-inside:avoid; print-color-adjust:exact;
  -webkit-print-color-adjust:exact } h2,h2+p { break-after:avoid }
  .grid { grid-template-columns:1fr 1fr; gap:10px } h2 { margin-top:28px }
  pre { font-size:5.6pt; overflow:visible; break-inside:auto; padding:8px } }
)css";

} // namespace bench
