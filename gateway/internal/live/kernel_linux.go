package live

import (
	"github.com/ecmp-go/ecmp/gateway/internal/host"
)

// look compares what the kernel does with what the gateway serves: it sets what
// is missing, if it is to, and says what is wrong. Of findings and errors that
// follow one another each is logged once.
func (g *gateway) look() {
	prefixes, out := g.services.Served()
	want := host.Want{VIPs: prefixes, In: g.names, Out: out, Paths: g.services.Paths()}
	places := g.services.Places()
	for _, p := range places {
		want.Members = append(want.Members, host.Member(p))
	}
	g.followRouters(places)
	if g.keeper != nil {
		done, err := g.keeper.Keep(want)
		if len(done) > 0 {
			g.Log.Info("set in the kernel", "what", done)
		}
		g.complain("the kernel is not as it should be", err)
	}
	findings, err := host.Ask(want)
	if g.complain("the kernel does not say what it does", err); err != nil {
		return
	}
	more, cannot, err := host.Devices(want, g.needs)
	if g.complain("the kernel does not say what its interfaces can do", err); err == nil {
		findings = append(findings, more...)
		if g.plane.SetCannot(cannot) {
			g.complain("the data plane is behind", g.services.Again())
		}
	}
	if g.keeper != nil {
		astray, err := g.keeper.Ways().Ask()
		g.complain("the kernel does not say where checks go", err)
		findings = append(findings, astray...)
	}
	for _, m := range g.services.Mismatches() {
		findings = append(findings, host.Finding{About: "scope " + m.Scope, Says: m.Says, Wrong: m.Wrong})
	}
	for _, f := range g.findings.Set(findings) {
		if f.Wrong {
			g.Log.Warn("something of the host is wrong", "about", f.About, "says", f.Says)
		} else {
			g.Log.Info("the host", "about", f.About, "says", f.Says)
		}
	}
}

// complain logs an error that was not the last of its kind.
func (g *gateway) complain(what string, err error) {
	last := g.last[what]
	if last.turns(err) {
		g.Log.Error(what, "error", err)
	}
	g.last[what] = last
}

// lookSoon has the host looked at before the next interval is over.
func (g *gateway) lookSoon() {
	select {
	case g.looks <- struct{}{}:
	default:
	}
}
