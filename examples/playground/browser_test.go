package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tab is the playground, open in a headless Chromium.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T) *tab {
	t.Helper()
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("there is no Chromium to open the page with: apt-get install chromium")
	}
	handler, err := build(t.Context())
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(browser), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(time.Minute)}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	page, closeTab := chromedp.NewContext(allocator)
	ctx, cancel := context.WithTimeout(page, 4*time.Minute) // to stop a hang
	t.Cleanup(func() { cancel(); closeTab(); stop() })
	b := &tab{t, ctx}
	b.do()
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*runtime.EventExceptionThrown); ok {
			t.Error(e.ExceptionDetails.Text)
		}
	}))
	b.do(chromedp.Navigate(server.URL))
	b.until(`document.body.dataset.ready === "true"`)
	return b
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// until waits for a condition of the page.
func (b *tab) until(condition string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(50*time.Millisecond),
		chromedp.WithPollingTimeout(time.Minute)))
	require.NoError(b.t, err, "%s, but the page says %q", condition, b.text("document.body.innerText"))
}

func (b *tab) text(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	require.NoError(b.t, err)
	return text
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// enter types over what a field holds.
func (b *tab) enter(id, keys string) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS(fmt.Sprintf(`[id=%q]`, id))))
	b.text(`document.activeElement.select(), ""`)
	b.do(chromedp.KeyEvent(keys))
}

// look sets the width of the window and the scheme of colours.
func (b *tab) look(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(b.t, err)
	b.until(fmt.Sprintf(`innerWidth === %d && matchMedia("(prefers-color-scheme: %s)").matches`, width, scheme))
}

// TestInABrowser acts by clicks and keys, and compares what the page shows with
// what show says of the address that the acts lead to.
func TestInABrowser(t *testing.T) {
	b := open(t)
	agrees := func(lists int) picture {
		t.Helper()
		p := show(b.text(`location.hash.slice(1)`))
		require.Len(t, p.Lists, lists)
		assert.Equal(t, p.Summary, b.text(`document.getElementById("status").textContent`))
		assert.Equal(t, fmt.Sprintf("%.1f %%", 100*p.Sum.Moved),
			b.text(`document.getElementById("sum-moved").textContent`))
		var forced, collateral int
		for _, c := range p.Cells {
			switch c.Move {
			case "forced":
				forced++
			case "collateral":
				collateral++
			}
		}
		assert.Equal(t, fmt.Sprint(len(p.Cells), forced, collateral), b.text(`["span", ".forced", ".collateral"]
			.map(s => document.querySelectorAll("#cells " + s).length).join(" ")`))
		return p
	}
	agrees(1)

	b.click(`[id="Remove-pod2"]`)
	b.until(`document.querySelectorAll("#members li").length === 3`)
	assert.Positive(t, agrees(2).Change.Forced)
	assert.Equal(t, "members-title", b.text(`document.activeElement.id`), "the focus is not lost")

	// An ID is text, whatever it holds. Enter adds the member.
	odd := `<img src=x onerror=alert(1)>,:&"é`
	b.do(chromedp.SendKeys(chromedp.CSS("#new-id"), odd+"\r"))
	b.until(`document.querySelectorAll("#members li").length === 4`)
	assert.Equal(t, odd, agrees(3).Lists[2][3].ID)
	assert.Equal(t, "0", b.text(`String(document.querySelectorAll("main img").length)`))
	assert.Equal(t, "new-id", b.text(`document.activeElement.id`))

	// By the keyboard alone: Space drains the focused member.
	b.do(chromedp.Focus(chromedp.CSS(`[id="Drain-pod1"]`)), chromedp.KeyEvent(" "))
	b.until(`document.getElementById("weight-pod1").value === "0"`)
	assert.Zero(t, agrees(4).Shares[0])

	b.enter("weight-pod3", "3\t")
	b.until(`document.getElementById("weight-pod3").value === "3" && location.hash.includes("pod3%3A3")`)
	agrees(5)

	// The link restores what is shown.
	before := b.text(`document.querySelector("main").innerText`)
	b.do(chromedp.Navigate(b.text(`location.href`)))
	b.until(`document.body.dataset.ready === "true"`)
	assert.Equal(t, before, b.text(`document.querySelector("main").innerText`))

	// A number of slots that the library refuses is refused at its field.
	b.enter("slots", "100\r")
	b.until(`document.getElementById("slots-error").textContent !== ""`)
	assert.Equal(t, "true", b.text(`document.getElementById("slots").getAttribute("aria-invalid")`))
	b.enter("slots", "128\r")
	b.until(`document.querySelectorAll("#cells span").length === 128`)
	agrees(5)

	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			b.look(width, scheme)
			assert.Empty(t, b.text(faults), "%d pixels, %s", width, scheme)
			if dir := os.Getenv("PLAYGROUND_PICTURES"); dir != "" {
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(scheme, width, ".png")), picture, 0o600))
			}
		}
	}
}

// faults names what shuts readers out: sideways scrolling, controls without
// a name or too small, and letters of too little contrast (WCAG 2: 4.5 to 1).
const faults = `(() => {
	const found = [];
	if (document.documentElement.scrollWidth > innerWidth) found.push("scrolls sideways");
	for (const e of document.querySelectorAll("input, select, button")) {
		const name = e.getAttribute("aria-label") ||
			[...(e.labels ?? [])].map(l => l.innerText).join("") || e.innerText;
		if (!name) found.push(e.outerHTML + " has no name");
		if (e.getBoundingClientRect().height < 24) found.push(name + " is small");
	}
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const light = color => {
		canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
		const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
		return a < 255 ? null : 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
	};
	const behind = e => e ? light(getComputedStyle(e).backgroundColor) ?? behind(e.parentElement) : 1;
	for (const e of document.querySelectorAll("main *")) {
		if (e.disabled || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		const [a, b] = [light(getComputedStyle(e).color), behind(e)].sort((a, b) => b - a);
		if ((a + 0.05) / (b + 0.05) < 4.5) found.push(e.outerHTML + " has little contrast");
	}
	return [...new Set(found)].slice(0, 5).join("\n");
})()`
