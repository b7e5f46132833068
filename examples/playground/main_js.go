package main

import (
	"encoding/json"
	"syscall/js"
)

// main gives the page one function: from the fragment of its address to what it
// shows, as JSON.
func main() {
	js.Global().Set("playground", js.FuncOf(func(_ js.Value, args []js.Value) any {
		text, err := json.Marshal(show(args[0].String()))
		if err != nil {
			return err.Error()
		}
		return string(text)
	}))
	js.Global().Call("ready")
	select {}
}
