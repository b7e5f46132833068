package live

import "github.com/ecmp-go/ecmp/gateway/internal/links"

// linkChanged takes over the state of an interface. A failure is logged: the
// next change tries again.
func (g *gateway) linkChanged(l links.Link) {
	was, known := g.known[l.Name]
	if l.Carrier != was.Carrier && known {
		g.Log.Info("link", "dev", l.Name, "carrier", l.Carrier)
	}
	if anew := known && (was.Index != l.Index || was.MAC != l.MAC); anew && l.Carrier {
		if !g.carrier(l.Name, false) {
			return
		}
		if err := g.services.Reopen(l.Name, l.MAC); err != nil {
			g.Log.Error("cannot send by an interface that was made anew", "dev", l.Name, "error", err)
			return
		}
	} else if anew {
		l.Index, l.MAC = was.Index, was.MAC // until it has a carrier
	}
	if g.carrier(l.Name, l.Carrier) {
		g.known[l.Name] = l
	}
}

func (g *gateway) carrier(dev string, up bool) bool {
	if err := g.services.SetCarrier(dev, up); err != nil {
		g.Log.Error("the data plane does not know of a carrier", "dev", dev, "carrier", up, "error", err)
		return false
	}
	return true
}
