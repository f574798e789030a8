"""The contrast of every text of the widgets on a page, as WCAG 2.2 reckons it."""

CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (css, under) => {
    canvas.clearRect(0, 0, 1, 1);
    if (under) { canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1); }
    canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ground = (node) => {
    const chain = [];
    for (let n = node; n; n = n.parentElement) chain.unshift(getComputedStyle(n).backgroundColor);
    return chain.reduce((under, css) => rgb(css, under), rgb("Canvas"));
  };
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => c.map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const bad = [];
  const texts = [...document.querySelectorAll(".tdp-ui")].flatMap((root) => {
    const seen = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), found = [];
    while (seen.nextNode()) found.push(seen.currentNode);
    return found;
  });
  let count = 0;
  for (const each of texts) {
    const node = each.parentElement, text = each.data.trim();
    if (!text || node.closest(".tdp-sr")) continue;
    const under = ground(node), ink = rgb(getComputedStyle(node).color, under);
    const a = light(ink), b = light(under);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    count += 1;
    if (ratio < 4.5) bad.push([text.slice(0, 30), node.className, ratio.toFixed(2)]);
  }
  return { bad, count };
}"""

LAB_LIGHT = (
    'data-jp-theme-light="true" style="--jp-layout-color1:#fff;--jp-ui-font-color0:rgba(0,0,0,1)"'
)
LAB_DARK = 'data-jp-theme-light="false" style="--jp-layout-color1:#212121;--jp-ui-font-color0:#fff"'
