"""Looks at the report as a reader would, in headless Chromium.

    python .ci/report.py GAINSHARE OUT AXE_MIN_JS

Nothing on the console, nothing from the network, links that resolve, no violation found by axe in
light and dark and at three widths, A4 on paper, hostile names harmless, and 200 contracts over 36
months under 5 MB and rendered in under 2 seconds, integrity findings and worst incidents included
(at 4 MB it fails here, to keep room).
"""

import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import polars as pl

gainshare, out, axe = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
scratch = pathlib.Path(tempfile.mkdtemp())
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync
--hide-scrollbars --enable-logging=stderr""".split()
HOSTILE = [
    "<script>document.title='taken'</script>",
    "=HYPERLINK(\"http://example.invalid\",\"click\")",
    "left\u202eright\u200f\u2066mixed",
    "x" * 10_000,
    "'\"><img src=x onerror=document.title='taken'>",
    "@SUM(1+1)*cmd|' /C calc'!A0",
]


def chromium(page, *more):
    """What Chromium prints; anything on the console is a failure."""
    profile = tempfile.mkdtemp(dir=scratch)
    done = subprocess.run(
        ["chromium", *FLAGS, f"--user-data-dir={profile}", *more, page.as_uri()],
        capture_output=True, text=True, timeout=120)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    if console:
        sys.exit(f"{page.name}: on the console: {console}")
    return done.stdout


class Page(html.parser.HTMLParser):
    """Ids, links and what would be loaded."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.scripts, self.headings = [], [], [], 0, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs.get("href", ""))
        if tag in ("link", "img", "iframe", "object", "embed") or "src" in attrs:
            self.loads.append((tag, attrs))
        if tag == "script":
            self.scripts += 1
        if any(name.startswith("on") for name in attrs):
            self.loads.append((tag, attrs))


def sound(page):
    """Links resolve, ids are unique, one script, nothing from elsewhere."""
    text = page.read_text(encoding="utf-8")
    read = Page(text)
    ids = set(read.ids)
    if len(ids) != len(read.ids):
        sys.exit(f"{page.name}: ids are not unique: {[i for i in ids if read.ids.count(i) > 1][:5]}")
    lost = [link for link in read.links if not link.startswith("#") or link[1:] not in ids]
    if lost or read.loads or read.scripts != 1:
        sys.exit(f"{page.name}: {lost[:5]} {read.loads[:5]} {read.scripts} scripts")
    if re.search(r"url\(|@import|https?://(?!www\.w3\.org)", text.split("<body>")[0]):
        sys.exit(f"{page.name}: the style loads something")
    return len(read.links)


def accessible(page, width, dark):
    """What axe finds, at a width, in light or dark."""
    text = page.read_text(encoding="utf-8")
    if dark:
        text = text.replace("@media (prefers-color-scheme:dark)", "@media (min-width:1px)")
    run = """<script>addEventListener('load',()=>{for(const d of document.querySelectorAll('details'))
    d.open=true;for(const s of document.querySelectorAll('.contract'))s.style.contentVisibility='visible';
    axe.run(document,{runOnly:['wcag2a','wcag2aa','wcag21aa','wcag22aa','best-practice']}).then(r=>{
    const p=document.createElement('pre');p.id='axe-says';p.textContent=JSON.stringify(
    {passes:r.passes.length,violations:r.violations.map(v=>[v.id,v.nodes.length,v.nodes[0].html.slice(0,160),
    v.nodes[0].failureSummary])});document.body.append(p)})})</script>"""
    copy = scratch / f"axe-{page.stem}-{width}-{dark}.html"
    copy.write_text(text.replace("</body>", f"<script>{axe.read_text()}</script>{run}</body>"))
    dom = chromium(copy, f"--window-size={width},1400", "--virtual-time-budget=60000", "--dump-dom")
    said = re.search(r'<pre id="axe-says">(.*?)</pre>', dom, re.S)
    if not said:
        sys.exit(f"{copy.name}: axe said nothing")
    result = json.loads(__import__("html").unescape(said.group(1)))
    if result["violations"]:
        sys.exit(f"{copy.name}: " + "\n".join(map(str, result["violations"])))
    return result["passes"]


def paper(page):
    """Printed on A4."""
    pdf = scratch / f"{page.stem}.pdf"
    chromium(page, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    if pdf.stat().st_size < 20_000:
        sys.exit("the printed report is empty")
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf.read_bytes()))
    if {(round(float(w)), round(float(h))) for w, h in sizes} != {(595, 842)}:
        sys.exit(f"not A4: {sizes}")


def rendered(page):
    """Milliseconds from the start to a laid out page."""
    text = page.read_text(encoding="utf-8").replace(
        "</body>",
        "<script>addEventListener('load',()=>{document.body.offsetHeight;document.body.dataset.ms="
        "Math.round(performance.now())})</script></body>")
    copy = scratch / "timed.html"
    copy.write_text(text)
    return int(re.search(r'data-ms="(\d+)"', chromium(copy, "--dump-dom")).group(1))


def renamed(folder, names):
    """The output again, with contracts and suppliers of other names."""
    target = scratch / f"other-{len(names)}"
    shutil.copytree(folder, target)
    manifest = json.loads((folder / "_manifest.json").read_text())
    old = sorted(manifest["terms"])
    pairs = [(old[i % len(old)], name) for i, name in enumerate(names)]
    manifest["terms"] = {name: "0" * 64 for _, name in pairs}
    manifest["project"] = names[0]
    for path in sorted(target.glob("*.parquet")):
        table = pl.read_parquet(path)
        if "contract_id" not in table.columns or table.height == 0:
            continue
        if path.stem in ("cells", "billing_facts", "baseline"):
            path.unlink()
            continue
        parts = [table.filter(pl.col("contract_id") == was).with_columns(pl.lit(name).alias("contract_id"))
                 for was, name in pairs]
        parts.append(table.filter(pl.col("contract_id").is_null()))
        pl.concat(parts).write_parquet(path)
    if not (folder / "integrity.parquet").exists():
        gaming(names).write_parquet(target / "integrity.parquet")
    (target / "_manifest.json").write_text(json.dumps(manifest))
    return target


def gaming(names):
    """A table of integrity tests for contracts, where the output has none: one in seven is flagged."""
    tests = """bunching_before_deadline hold_before_breach priority_lowered_late requests_for_incidents
    reopened_under_new_number split_tickets merged_tickets back_dated told_afterwards split_orders
    impact_despite_kpi""".split()
    return pl.DataFrame([
        {"contract_id": name, "period": "2025-01/2026-01", "test": test, "statistic": 41.0,
         "q_value": 0.002 if (i + k) % 7 == 0 else 0.5, "effect": 2.4, "effect_unit": "ratio of rates",
         "flagged": (i + k) % 7 == 0,
         "evidence": "41 of 312 holds began with at least 95 % of the target used; in the baseline 12 of "
                     "590; for example INC12600163, INC12600176, INC13500084, INC12800073, INC13400022"}
        for i, name in enumerate(names) for k, test in enumerate(tests)])


def written(folder, name, *more):
    page = scratch / name
    subprocess.run([gainshare, "report", folder, "--output", page, *more], check=True,
                   stderr=subprocess.DEVNULL)
    return page


english = written(out, "en.html")
dutch = written(out, "nl.html", "--language", "nl")
if english.read_bytes() != (out / "report.html").read_bytes():
    sys.exit("`report` gives other bytes than `run`")
links = sound(english)
sound(dutch)
passes = accessible(english, 1280, False)
accessible(dutch, 768, True)
accessible(english, 390, True)
paper(dutch)
hostile = written(renamed(out, HOSTILE), "hostile.html")
sound(hostile)
dom = chromium(hostile, "--dump-dom")
if re.search(r"<title>taken", dom) or "\u202e" in dom or len(max(re.findall(r"x{50,}", dom), default="")) > 80:
    sys.exit("a hostile name did something")
large = written(renamed(out, [f"C-{i:03}" for i in range(200)]), "large.html")
sound(large)
size, took = large.stat().st_size, min(rendered(large) for _ in range(2))
if size >= 4_000_000 or took >= 2_000:
    sys.exit(f"200 contracts: {size} bytes, rendered in {took} ms")
print(f"{links} links resolve, {passes} rules of axe pass without a violation; "
      f"200 contracts x 36 months: {size / 1e6:.1f} MB, rendered in {took} ms")
shutil.rmtree(scratch)
