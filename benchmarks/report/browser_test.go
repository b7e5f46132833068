package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPageInABrowser opens the committed page in a headless Chromium, as wide
// as a telephone and as a desktop, in Helvetica and in a much wider font: no
// message on the console, no request but for the page itself, letters that can
// be read, and none that leaves its figure.
func TestPageInABrowser(t *testing.T) {
	browser := chromium()
	if browser == "" {
		t.Skip("there is no chromium to open the page with: apt-get install chromium")
	}
	data, err := os.ReadFile(filepath.Join(root, committed, pageFile))
	require.NoError(t, err)
	wide := filepath.Join(t.TempDir(), "wide.html")
	style := "<style>svg text { font-family: 'DejaVu Sans Mono', monospace !important }</style></head>"
	require.NoError(t, os.WriteFile(wide, []byte(strings.Replace(string(data), "</head>", style, 1)), 0o600))
	page, err := filepath.Abs(filepath.Join(root, committed, pageFile))
	require.NoError(t, err)
	for _, screen := range []struct {
		width, figure, letter float64
	}{{390, 358, 9}, {1000, 640, 12}} {
		for _, file := range []string{page, wide} {
			w := browse(t, browser, "file://"+file, screen.width)
			assert.Empty(t, w.messages)
			assert.Equal(t, []string{"file://" + file}, w.requests)
			assert.Len(t, w.widths, len(drawings()), "every figure is there")
			for i, width := range w.widths {
				assert.InDelta(t, screen.figure, width, 16, "of figure %d, beside a scroll bar or not", i)
			}
			require.NotEmpty(t, w.letters)
			for _, size := range w.letters {
				assert.GreaterOrEqual(t, size, screen.letter)
			}
			assert.Empty(t, w.cut, "texts that leave their figure")
			assert.LessOrEqual(t, w.scrolled, screen.width, "nothing makes the page wider than the screen")
		}
	}
}

// TestBrowserNotices opens a page that does what the report's must not.
func TestBrowserNotices(t *testing.T) {
	browser := chromium()
	if browser == "" {
		t.Skip("there is no chromium to open the page with: apt-get install chromium")
	}
	page := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(page,
		[]byte(`<img src="http://127.0.0.1:9/x.png"><script>console.error("no")</script>`), 0o600))
	w := browse(t, browser, "file://"+page, 1000)
	assert.NotEmpty(t, w.messages)
	assert.Contains(t, w.requests, "http://127.0.0.1:9/x.png")
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// A watch is what was seen of a page.
type watch struct {
	mu       sync.Mutex
	messages []string
	requests []string
	widths   []float64 // of figures, in pixels
	letters  []float64 // heights of letters in them
	cut      []string  // texts that are not inside of their figure
	scrolled float64   // the width of the page
}

func browse(t *testing.T, browser, url string, width float64) *watch {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(browser), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1000, 800), chromedp.WSURLReadTimeout(time.Minute)}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	tab, closeTab := chromedp.NewContext(allocator)
	ctx, cancel := context.WithTimeout(tab, 4*time.Minute) // to stop a hang
	t.Cleanup(func() { cancel(); closeTab(); stop() })
	require.NoError(t, chromedp.Do(ctx)) // opens the tab
	w := new(watch)
	require.NoError(t, chromedp.Listen(ctx, w.notice))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: 800, DeviceScaleFactor: 1})
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	w.widths, err = chromedp.Run(ctx, chromedp.Evaluate[[]float64](
		`[...document.querySelectorAll("figure svg")].map(s => s.getBoundingClientRect().width)`))
	require.NoError(t, err)
	w.letters, err = chromedp.Run(ctx, chromedp.Evaluate[[]float64](
		`[...document.querySelectorAll("figure svg text")].map(t => {
		const scale = t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width;
		return parseFloat(getComputedStyle(t).fontSize) * scale })`))
	require.NoError(t, err)
	w.cut, err = chromedp.Run(ctx, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll("figure svg text")].filter(t => {
		const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();
		return a.left < b.left || a.right > b.right || a.top < b.top || a.bottom > b.bottom })
		.map(t => t.textContent)`))
	require.NoError(t, err)
	w.scrolled, err = chromedp.Run(ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth`))
	require.NoError(t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w
}

func (w *watch) notice(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			w.requests = append(w.requests, e.Request.URL)
		}
	case *runtime.EventConsoleAPICalled:
		w.messages = append(w.messages, fmt.Sprint(e.Type, e.Args))
	case *runtime.EventExceptionThrown:
		w.messages = append(w.messages, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		w.messages = append(w.messages, e.Entry.Text)
	}
}
