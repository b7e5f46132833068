package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAccessible looks at the page as a screen reader does, and walks through
// it by the keyboard. With PLAYGROUND_AXE=FILE, where FILE is axe.min.js of
// axe-core, it runs the rules of axe too, in light and dark.
func TestAccessible(t *testing.T) {
	b := open(t)
	t.Log("milliseconds to load:", b.text(`String(Math.round(performance.getEntriesByName("ready")[0].startTime))`))

	// Roles and names are those that Chromium gives to a screen reader.
	assert.Equal(t, []string{
		"combobox Strategy", "textbox Slots of the table", "textbox Slack, as a share",
		"spinbutton Weight of pod1", "button Drain pod1", "button Remove pod1",
		"spinbutton Weight of pod2", "button Drain pod2", "button Remove pod2",
		"spinbutton Weight of pod3", "button Drain pod3", "button Remove pod3",
		"spinbutton Weight of pod4", "button Drain pod4", "button Remove pod4",
		"textbox New member", "spinbutton Weight", "button Add", "button Undo", "button Start over",
	}, b.nodes("combobox", "textbox", "spinbutton", "button"))
	assert.Equal(t, []string{
		"heading Which slots move?", "heading Strategy", "heading Members", "heading What moved", "heading Slots",
	}, b.nodes("heading"))
	assert.Equal(t, []string{"image Each square is a slot of the table, in the colour of its member. " +
		"• moved since it had to, × moved without need."}, b.nodes("image"))
	assert.Len(t, b.nodes("status"), 1, "changes are said")
	assert.Len(t, b.nodes("columnheader"), 2)
	assert.Len(t, b.nodes("rowheader"), 5)

	// Tab reaches each control that is enabled, in the order of the page, and
	// shows where it is.
	want := strings.Fields(b.text(`[...document.querySelectorAll("select, input, button")]
		.filter(e => !e.disabled).map(e => e.id || e.textContent).join(" ")`))
	require.Len(t, want, 19, "undo alone is disabled")
	b.text(`document.activeElement.blur(), ""`)
	for _, id := range want {
		b.do(chromedp.KeyEvent("\t"))
		b.until(fmt.Sprintf(`(document.activeElement.id || document.activeElement.textContent) === %q`, id))
		assert.Equal(t, "3px solid", b.text(`(s => s.outlineWidth + " " + s.outlineStyle)
			(getComputedStyle(document.activeElement))`), id)
	}

	// An error is tied to its field.
	b.enter("slots", "100\r")
	b.until(`document.getElementById("slots-error").textContent !== ""`)
	assert.Contains(t, b.text(`(e => document.getElementById(e.getAttribute("aria-describedby")).textContent)
		(document.getElementById("slots"))`), "100")

	file := os.Getenv("PLAYGROUND_AXE")
	if file == "" {
		return
	}
	axe, err := os.ReadFile(file)
	require.NoError(t, err)
	b.text(string(axe) + `; ""`)
	for _, act := range []string{"", `[id="Remove-pod2"]`} {
		if act != "" {
			b.enter("slots", "256\r")
			b.click(act)
			b.until(`document.querySelectorAll("#members li").length === 3`)
		}
		for _, scheme := range []string{"light", "dark"} {
			b.look(1280, scheme)
			found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run().then(r => r.passes.length + " pass" +
				r.violations.map(v => "\n" + v.help + " " + v.nodes.map(n => n.html).join(" ")).join(""))`,
				chromedp.EvalAwaitPromise))
			require.NoError(t, err)
			t.Log("axe: ", found)
			assert.NotContains(t, found, "\n", scheme)
		}
	}
}

// nodes returns what Chromium tells a screen reader of these roles, as roles
// with names, in the order of the page.
func (b *tab) nodes(roles ...string) (list []string) {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(b.t, err)
	byID := map[accessibility.NodeID]*accessibility.Node{}
	for _, n := range tree.Nodes {
		byID[n.NodeID] = n
	}
	var walk func(n *accessibility.Node)
	walk = func(n *accessibility.Node) {
		for _, role := range roles {
			if !n.Ignored && text(n.Role) == role {
				list = append(list, strings.TrimSpace(role+" "+text(n.Name)))
			}
		}
		for _, id := range n.ChildIDs {
			if child := byID[id]; child != nil {
				walk(child)
			}
		}
	}
	walk(tree.Nodes[0])
	return list
}

func text(v *accessibility.Value) (s string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &s) // what is no text has none
	}
	return s
}
