package live

import "github.com/ecmp-go/ecmp/gateway/internal/links"

// linkChanged takes over the state of an interface. A failure is logged: the
// next change tries again.
func (f *forwarder) linkChanged(l links.Link) {
	was, known := f.known[l.Name]
	if l.Carrier != was.Carrier && known {
		f.Log.Info("link", "dev", l.Name, "carrier", l.Carrier)
	}
	if anew := known && (was.Index != l.Index || was.MAC != l.MAC); anew && l.Carrier {
		if !f.carrier(l.Name, false) {
			return
		}
		if err := f.router.Reopen(l.Name, l.MAC); err != nil {
			f.Log.Error("cannot send by an interface that was made anew", "dev", l.Name, "error", err)
			return
		}
	} else if anew {
		l.Index, l.MAC = was.Index, was.MAC // until it has a carrier
	}
	if f.carrier(l.Name, l.Carrier) {
		f.known[l.Name] = l
	}
}

func (f *forwarder) carrier(dev string, up bool) bool {
	if err := f.router.SetCarrier(dev, up); err != nil {
		f.Log.Error("the data plane does not know of a carrier", "dev", dev, "carrier", up, "error", err)
		return false
	}
	return true
}
