package control_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// A browser is a headless Chromium with one page, and what it complained of and
// asked for.
type browser struct {
	context.Context

	mu         sync.Mutex
	complaints []string
	hosts      map[string]bool
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium")
	}
	flags := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1000, 1000), chromedp.WSURLReadTimeout(time.Minute)}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage",
	} {
		flags = append(flags, chromedp.Flag(name, true))
	}
	b := &browser{hosts: make(map[string]bool)}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	page, closePage := chromedp.NewContext(allocator)
	limited, cancel := context.WithTimeout(page, 4*time.Minute) // a browser that hangs ends the test
	t.Cleanup(func() { cancel(); closePage(); stop() })
	b.Context = limited
	b.does(t) // open the page
	require.NoError(t, chromedp.Listen(b, b.listen))
	_, err := chromedp.Call(b, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(b, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprint(e.Type, e.Args))
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" {
			b.hosts[u.Host] = true
		}
	}
}

// does runs actions.
func (b *browser) does(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(b, actions...))
}

// waits until a JavaScript expression is true.
func (b *browser) waits(t *testing.T, expression string, args ...any) {
	t.Helper()
	expression = fmt.Sprintf(expression, args...)
	if _, err := chromedp.Run(b, chromedp.Poll[any](expression)); err != nil {
		text, _ := chromedp.Run(b, chromedp.Evaluate[string]("document.body.innerText"))
		require.NoError(t, err, "%s\n%s", expression, text)
	}
}

func (b *browser) quiet(t *testing.T, server string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(t, b.complaints)
	assert.Equal(t, map[string]bool{strings.TrimPrefix(server, "http://"): true}, b.hosts, "it asks nobody else")
}

// drains has the page drain a member, and confirms it.
func (b *browser) drains(t *testing.T, id string) {
	t.Helper()
	b.does(t, chromedp.Click(chromedp.CSS(`[data-member="`+id+`"] button`)))
	b.waits(t, `document.getElementById("confirm").open`)
	b.does(t, chromedp.Click(chromedp.CSS(`#confirmed`)))
}

// weighs has the page give a member a weight.
func (b *browser) weighs(t *testing.T, id, weight string) {
	t.Helper()
	b.does(t, chromedp.Click(chromedp.CSS(`[data-member="`+id+`"] .weigh`)))
	b.waits(t, `document.getElementById("confirm").open`)
	b.does(t, chromedp.SetValue(chromedp.CSS("#weight"), weight), chromedp.Click(chromedp.CSS(`#confirmed`)))
}

// forgets leaves out complaints about requests that were refused on purpose.
func (b *browser) forgets(code string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = slices.DeleteFunc(b.complaints, func(c string) bool {
		return strings.Contains(c, "status of "+code)
	})
}

// No two landmarks have one name, by which who can't see the page tells them
// apart. Parts of the page that are regions are those with a name or that role.
const landmarks = `[...document.querySelectorAll("section[aria-labelledby], [role=region]")].filter((e) => !e.hidden)
	.map((e) => document.getElementById(e.getAttribute("aria-labelledby")).textContent)`

// axe holds the page as it is to the rules of axe-core, which GATEWAY_AXE has:
// the path of its axe.min.js.
func (b *browser) axe(t *testing.T) {
	t.Helper()
	t.Run("axe", func(t *testing.T) {
		file := os.Getenv("GATEWAY_AXE")
		if file == "" {
			t.Skip("GATEWAY_AXE names no axe.min.js of axe-core")
		}
		axe, err := os.ReadFile(file)
		require.NoError(t, err)
		found, err := chromedp.Run(b, chromedp.Evaluate[string](string(axe)+`; axe.run().then((r) => r.violations.map(
			(v) => v.id + ": " + v.help + " " + v.nodes.map((n) => n.html).join(" ")).join("\n"))`,
			chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		assert.Empty(t, found)
	})
}

const row = `document.querySelector('[data-member="%s"]')`

func TestPage(t *testing.T) {
	b := newBrowser(t)
	speaker, err := bgp.Start(config.BGP{AS: 65101, ID: netip.MustParseAddr("127.0.0.1"), Drain: time.Hour,
		Peers: []config.Peer{{Addr: netip.MustParseAddr("192.0.2.1"), AS: 65000}}}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { assert.NoError(t, speaker.Close()) }()
	f := serveSpeaking(t, config.Control{Network: "tcp", Address: "127.0.0.1:0"}, slog.New(slog.DiscardHandler),
		speaker)
	run(t, f)
	vip := netip.MustParseAddr("172.16.0.20")
	f.plane.Receive(vip, 0, 600)
	f.plane.Drop("not IP")
	f.plane.Lose(config.Default, "pod2", "sender full")
	f.plane.Lose(config.Default, "pod2", "over the MTU")
	f.plane.Receive(netip.MustParseAddr("172.16.0.53"), 0, 3)
	f.plane.Ignore()
	b.does(t, chromedp.Navigate(f.URL+"/"))
	b.waits(t, `document.getElementById("health").textContent === "packets flow, but none for dns"`)
	const usable = `document.querySelector("[aria-labelledby=service-%s] .usable")`
	b.waits(t, usable+`.textContent === "no member takes flows"`, "dns")
	b.waits(t, usable+`.textContent === "healthy"`, config.Default)
	b.waits(t, `document.getElementById("plane").textContent === "afpacket"`)
	b.waits(t, `document.getElementById("mode").textContent === "packet sockets, workers: 2"`)
	b.waits(t, `document.getElementById("uptime").textContent.match(/^up for 1 h 1 min$/)`)
	b.waits(t, `document.getElementById("reloaded").hidden`)
	b.waits(t, `document.getElementById("fates").textContent.endsWith("packets detoured: 0")`)
	b.waits(t, `document.querySelectorAll("[data-member]").length === 3`)
	b.waits(t, `document.getElementById("flows").textContent === "600 flows"`)
	b.waits(t, `document.getElementById("reasons").textContent ===
		"no member: 3, not IP: 1, over the MTU: 1, sender full: 1"`)
	b.waits(t, row+`.querySelector(".lost").textContent === "not sent: over the MTU: 1, sender full: 1"`, "pod2")
	b.waits(t, row+`.querySelector(".lost").hidden`, "pod1")
	const facts = `document.querySelector("[aria-labelledby=service-%s] .facts").textContent`
	b.waits(t, facts+`.endsWith(" · dropped: no member: 3")`, "dns")
	b.waits(t, `!`+facts+`.includes("dropped")`, config.Default)
	b.waits(t, `document.getElementById("other").textContent === "and 1 for no service, left to the kernel"`)
	b.waits(t, row+`.querySelector(".shareText").textContent.endsWith("66.7%% due")`, "pod2")

	// Packets show as a rate and a line. They keep coming, for as long as it
	// takes the page to ask twice.
	stop, wait := make(chan struct{}), sync.WaitGroup{}
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				f.plane.Receive(vip, 0, 100)
			}
		}
	})
	b.waits(t, row+`.querySelector(".rate").textContent.match(/[1-9]/)`, "pod2")
	b.waits(t, row+`.querySelector("polyline").points.length >= 2`, "pod2")
	close(stop)
	wait.Wait()

	before := f.plane.Forwards()[config.Default]
	b.does(t, chromedp.Click(chromedp.CSS(`[data-member="pod2"] button`)))
	b.waits(t, `document.getElementById("confirm").open`)
	const said = `document.getElementById("confirmText").textContent`
	b.waits(t, said+`.match(/keeps the [0-9,]+ that it has. The others take/)`)
	b.does(t, chromedp.Click(chromedp.CSS(`#confirm button[value=cancel]`)))
	b.waits(t, `!document.getElementById("confirm").open`)
	b.waits(t, `document.activeElement === `+row+`.querySelector("button")`, "pod2")
	assert.Equal(t, before, f.plane.Forwards()[config.Default], "nothing happens")
	b.drains(t, "pod2")
	b.waits(t, row+`.querySelector("button").textContent === "Undrain"`, "pod2")
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 0, "pod3": 1}, f.plane.Forwards()[config.Default])
	b.waits(t, row+`.querySelector(".state").textContent.match(/^drained · [1-9][0-9]* left$/)`, "pod2")
	b.waits(t, row+`.querySelector(".by").textContent.startsWith("by HTTP 127.0.0.1:")`, "pod2")
	end := services.Until{Deadline: time.Now().Add(time.Hour), UDP: time.Now()}
	require.NoError(t, f.Services.DrainUntil(config.Default, "pod2", end))
	b.waits(t, row+`.querySelector(".by").textContent.match(/, until [0-9/]+, [0-9:]+, ended for UDP$/)`, "pod2")
	b.waits(t, `[...document.querySelectorAll(".scroll")].every((e) => e.scrollWidth <= e.clientWidth)`)
	b.waits(t, `document.getElementById("said").textContent === "pod2 gets no new flow"`)
	b.waits(t, `document.activeElement.textContent === "Undrain"`)
	b.does(t, chromedp.Click(chromedp.CSS(`[data-member="pod2"] button`)))
	b.waits(t, row+`.querySelector("button").textContent === "Drain"`, "pod2")
	assert.Equal(t, before, f.plane.Forwards()[config.Default])

	// A weight is asked for, and what is refused is told.
	b.does(t, chromedp.Click(chromedp.CSS(`[data-member="pod1"] .weigh`)))
	b.waits(t, `document.getElementById("confirm").open && document.getElementById("weight").value === "1"`)
	b.does(t, chromedp.Click(chromedp.CSS(`#confirm button[value=cancel]`)))
	b.waits(t, `document.activeElement === `+row+`.querySelector(".weigh")`, "pod1")
	assert.Equal(t, before, f.plane.Forwards()[config.Default], "nothing happens")
	b.weighs(t, "pod1", "7")
	b.waits(t, row+`.querySelector(".weight").textContent === "7"`, "pod1")
	assert.Equal(t, map[string]uint32{"pod1": 7, "pod2": 4, "pod3": 1}, f.plane.Forwards()[config.Default])
	b.waits(t, `document.getElementById("said").textContent === "pod1 weighs 7"`)
	b.weighs(t, "pod1", "99999999999")
	b.waits(t, `document.getElementById("notice").textContent.startsWith("pod1: ")`)
	assert.Equal(t, uint32(7), f.plane.Forwards()[config.Default]["pod1"])
	b.weighs(t, "pod1", "1")
	b.waits(t, `document.getElementById("notice").hidden`)
	b.forgets("400") // Chromium complains of what is refused

	// Where a flow goes is asked for by the keyboard alone.
	const asked = `document.getElementById("flowAnswer").textContent`
	went := f.plane.Receive(vip, 1, 1)[0]
	b.does(t, chromedp.Focus(chromedp.CSS("#flowSource")), chromedp.KeyEvent("10.0.0.1:1000"), chromedp.KeyEvent("\t"),
		chromedp.KeyEvent("172.16.0.20:80"), chromedp.KeyEvent("\r"))
	b.waits(t, asked+`.startsWith("tcp 10.0.0.1:1000 to 172.16.0.20:80: pinned. %s of default, 10.9.")`, went)
	b.waits(t, asked+`.includes("If it were new, it would go to pod")`)
	b.does(t, chromedp.SendKeys(chromedp.CSS("#flowSource"), "<b>x</b>"),
		chromedp.Click(chromedp.CSS("#flowForm button")))
	b.waits(t, asked+`.includes("<b>x</b>") && `+asked+`.includes("neither ADDRESS:PORT nor an address")`)
	b.forgets("400")

	b.waits(t, `(%[1]s).length === 5 && new Set(%[1]s).size === 5`, landmarks)
	b.axe(t)

	// What happens elsewhere shows.
	require.NoError(t, f.Services.By("ann").Delete(config.Default, "pod1"))
	b.waits(t, `document.querySelectorAll("[data-member]").length === 2`)
	b.waits(t, `document.querySelector("#changes tr").cells[2].textContent === "pod1 left"`)
	b.waits(t, `document.querySelector("#changes tr").cells[6].textContent === "ann"`)
	b.waits(t, `Number(document.querySelector("#changes tr").cells[4].textContent) > 0`)
	require.NoError(t, f.Services.SetLink(links.Link{Name: "lp3", Index: 3}))
	b.waits(t, row+`.querySelector(".state").textContent === "down"`, "pod3")
	b.waits(t, row+`.querySelector(".why").textContent !== ""`, "pod3")
	b.waits(t, `document.querySelector("#changes tr").cells[2].textContent.match(
		/^lp3 lost its carrier: [0-9,]+ of [0-9,]+ flows detoured$/)`)
	require.NoError(t, f.Services.SetMembers("dns", []config.Member{
		{ID: "a", Dev: "lp9", Weight: 1, MAC: engine.MAC{2}},
	}))
	b.waits(t, `document.getElementById("health").textContent === "packets flow, members that are down: 1"`)
	b.waits(t, `document.getElementById("health").classList.contains("warn")`)
	f.Reloads.Add(fmt.Errorf("f.json:3: <b>bold</b>"))
	b.waits(t, `document.getElementById("notice").textContent.includes("f.json:3: <b>bold</b>")`)
	b.waits(t, `document.getElementById("saved").hidden`)
	f.Snapshots.Add(errors.New("no room"))
	b.waits(t, `document.getElementById("notice").textContent.includes("The flows are not saved")`)
	f.Snapshots.Add(nil)
	b.waits(t, `document.getElementById("saved").textContent.match(/^saved [0-9]+ s ago$/)`)
	f.Reloads.Add(nil)
	b.waits(t, `document.getElementById("notice").hidden`)
	b.waits(t, `document.getElementById("reloaded").textContent.match(/^configuration read again at [0-9]/)`)
	f.Findings.Set([]host.Finding{
		{About: "172.16.0.20/32", Says: "there is no route", Wrong: true}, {About: "lp1", Says: "fine"},
	})
	b.waits(t, `document.getElementById("notice").textContent === "172.16.0.20/32: there is no route"`)
	f.Findings.Set(nil)
	b.waits(t, `document.getElementById("notice").hidden`)
	b.showsRouters(t, speaker)
	b.quiet(t, f.URL)
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		png, err := chromedp.Run(b, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(dir+"/page.png", png, 0o600))
	}
}

// showsRouters: the page says what routers are told, and how the sessions are.
func (b *browser) showsRouters(t *testing.T, s *bgp.Speaker) {
	t.Helper()
	const phase = `document.getElementById("phase").textContent`
	const announced = `document.getElementById("announced").textContent`
	b.waits(t, announced+` === "AS 65101 · announced: nothing"`)
	require.NoError(t, s.Announce([]netip.Prefix{netip.MustParsePrefix("172.16.0.20/32")}))
	b.waits(t, announced+` === "AS 65101 · announced: 172.16.0.20/32"`)
	b.waits(t, phase+` === "announcing"`)
	b.waits(t, `document.querySelector('[data-peer="192.0.2.1"] .session').textContent === "idle"`)
	b.waits(t, `document.querySelector('[data-peer="192.0.2.1"] .session').classList.contains("bad")`)
	_, err := s.Drain("a test")
	require.NoError(t, err)
	b.waits(t, phase+`.startsWith("draining")`)
	require.NoError(t, s.Resume("a test"))
	b.waits(t, phase+` === "announcing"`)
}

// Without the token the page asks for it; with it, it shows all.
func TestPageAsksForToken(t *testing.T) {
	b := newBrowser(t)
	f := serve(t, config.Control{Network: "tcp", Address: "192.0.2.1:80", Token: "correct horse battery"})
	b.does(t, chromedp.Navigate(f.URL+"/"), chromedp.WaitVisible(chromedp.CSS("#token")))
	assert.Len(t, f.plane.Forwards()[config.Default], 3)
	b.does(t, chromedp.SendKeys(chromedp.CSS("#token"), "correct horse battery"),
		chromedp.Click(chromedp.CSS("#ask button")))
	b.waits(t, `document.querySelectorAll("[data-member]").length === 3`)
	b.waits(t, `document.getElementById("ask").hidden && document.getElementById("notice").hidden`)
	b.drains(t, "pod1")
	b.waits(t, row+`.querySelector("button").textContent === "Undrain"`, "pod1")

	// The figures behind the links need it, too.
	for link, begins := range map[string]string{"stats": "{", "metrics": "# HELP"} {
		b.does(t, chromedp.Click(chromedp.CSS(`a[href=`+link+`]`)))
		b.waits(t, `document.getElementById("raw").open &&
			document.getElementById("rawText").textContent.startsWith("%s")`, begins)
		b.does(t, chromedp.Click(chromedp.CSS(`#raw button`)))
		b.waits(t, `!document.getElementById("raw").open`)
	}
	b.waits(t, `location.pathname === "/"`)

	// An undrain that a reload undoes is told.
	drained := strings.Replace(configuration, `"weight": 4`, `"weight": 0`, 1)
	configured, err := config.Parse("", []byte(drained), kinds())
	require.NoError(t, err)
	require.NoError(t, f.Services.Replace(configured.Services, ""))
	b.waits(t, row+`.querySelector("button").textContent === "Undrain"`, "pod2")
	b.does(t, chromedp.Click(chromedp.CSS(`[data-member="pod2"] button`)))
	b.waits(t, `document.getElementById("notice").textContent.includes("does so again when it is reloaded")`)
}

// On a phone all of a member is in the window, and a tap on Drain asks first.
func TestPageOnPhone(t *testing.T) {
	b := newBrowser(t)
	f := serve(t, config.Control{Network: "tcp", Address: "127.0.0.1:0"})
	run(t, f)
	f.plane.Receive(netip.MustParseAddr("172.16.0.20"), 0, 600)
	f.plane.Lose(config.Default, "pod2", "no room for the outer header")
	for _, width := range []int64{320, 375} {
		b.does(t, chromedp.EmulateViewport(width, 700, chromedp.EmulateMobile, chromedp.EmulateTouch),
			chromedp.Navigate(f.URL+"/"))
		b.waits(t, `document.querySelectorAll("[data-member]").length === 3`)
		b.waits(t, `document.documentElement.scrollWidth <= innerWidth`)
		for _, part := range []string{".id", ".state", ".lost", ".flows", ".shareText", ".share", ".drain", ".weigh"} {
			b.waits(t, `(() => {
				const r = `+row+`.querySelector("%s").getBoundingClientRect();
				return r.width > 0 && r.left >= 0 && r.right <= innerWidth;
			})()`, "pod2", part)
		}
		b.waits(t, `[...document.querySelectorAll("main button, #flowForm input")].every((e) => {
			if (!e.offsetParent) {
				return true;
			}
			const r = e.getBoundingClientRect();
			return r.left >= 0 && r.right <= innerWidth && (e.tagName !== "BUTTON" || r.height >= 44);
		})`) // what a finger finds
		b.waits(t, `getComputedStyle(`+row+`.querySelector(".flows"), "::before").content === '"Flows"'`, "pod2")
	}
	// The last member that is up.
	for _, id := range []string{"pod1", "pod2"} {
		require.NoError(t, f.Services.Drain(config.Default, id))
		b.waits(t, row+`.querySelector("button").textContent === "Undrain"`, id)
	}
	b.does(t, chromedp.Click(chromedp.CSS(`[data-member="pod3"] button`)))
	b.waits(t, `document.getElementById("confirmText").textContent.includes("No other member is up")`)
	b.does(t, chromedp.Click(chromedp.CSS(`#confirm button[value=cancel]`)))
	b.waits(t, `!document.getElementById("confirm").open`)
	assert.Equal(t, uint32(1), f.plane.Forwards()[config.Default]["pod3"])
	b.axe(t)
	b.quiet(t, f.URL)
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		png, err := chromedp.Run(b, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(dir+"/phone.png", png, 0o600))
	}
}
