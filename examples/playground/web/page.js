"use strict";

// The page's whole state is the fragment of its address. Each act makes a new
// one, and the library, in playground.wasm, says what to show of it.

const at = id => document.getElementById(id);
const percent = share => (100 * share).toFixed(1) + " %";
let shown = {};

// ready is called by the program once it has started.
globalThis.ready = () => {
	addEventListener("hashchange", show);
	show();
	performance.mark("ready");
	document.body.dataset.ready = "true";
};

function go(strategy, slots, slack, lists) {
	const q = new URLSearchParams({strategy, slots, slack});
	for (const list of lists)
		q.append("members", list.map(m => encodeURIComponent(m.id) + ":" + m.weight).join(","));
	history.pushState(null, "", "#" + q);
	show();
}

// change makes the last list of members another one.
function change(edit) {
	const last = shown.lists.at(-1).map(m => ({...m}));
	go(shown.strategy, shown.slots, shown.slack, [...shown.lists, edit(last) ?? last]);
}

function show() {
	const p = JSON.parse(playground(location.hash.slice(1)));
	const failed = p.error !== "";
	for (const field of ["strategy", "slots", "slack", "members"]) {
		const wrong = failed && p.field === field;
		at(field + "-error").textContent = wrong ? p.error : "";
		at(field === "members" ? "new-id" : field).setAttribute("aria-invalid", wrong);
	}
	at("strategy").replaceChildren(...p.strategies.map(name => new Option(name, name, false, name === p.strategy)));
	if (!p.strategies.includes(p.strategy)) at("strategy").selectedIndex = -1;
	at("slots").value = p.slots;
	at("slots").disabled = !p.hasSlots;
	at("slack").value = p.slack;
	at("slack").disabled = !p.hasSlack;
	shown = p;
	shown.lists ??= [[]];
	at("undo").disabled = shown.lists.length < 2;
	at("status").textContent = failed ? "Not shown: " + p.error : p.summary;
	showMembers(p);
	showNumbers(p, failed);
	showCells(p);
}

function showMembers(p) {
	const focused = document.activeElement?.id;
	at("members").replaceChildren(...p.lists.at(-1).map((m, i) => {
		const li = document.createElement("li");
		li.style.setProperty("--hue", hue(i));
		const name = document.createElement("span");
		name.className = "name";
		name.textContent = m.id + (p.shares ? ": " + percent(p.shares[i]) + ", due " + percent(p.due[i]) : "");
		const label = document.createElement("label");
		const weight = document.createElement("input");
		Object.assign(weight, {type: "number", min: 0, max: 4294967295, value: m.weight, id: "weight-" + m.id, required: true});
		weight.setAttribute("aria-label", "Weight of " + m.id);
		weight.addEventListener("change", () => {
			if (weight.reportValidity()) change(list => { list[i].weight = weight.value; });
		});
		label.append("Weight", weight);
		li.append(name, label,
			button("Drain", m.id, m.weight === 0, () => change(list => { list[i].weight = 0; })),
			button("Remove", m.id, false, () => {
				change(list => list.filter((_, j) => j !== i));
				at("members-title").focus();
			}));
		return li;
	}));
	if (!focused) return;
	const back = at(focused);
	(back && !back.disabled ? back : at("members-title")).focus({preventScroll: true});
}

function button(verb, id, disabled, act) {
	const b = document.createElement("button");
	Object.assign(b, {type: "button", textContent: verb, id: verb + "-" + id, disabled});
	b.setAttribute("aria-label", verb + " " + id);
	b.addEventListener("click", act);
	return b;
}

function showNumbers(p, failed) {
	for (const which of ["change", "sum"]) {
		for (const name of ["moved", "forced", "collateral", "due"])
			at(which + "-" + name).textContent = failed ? "–" : percent(p[which][name]);
		at(which + "-ratio").textContent = failed ? "–" : p[which].ratio;
	}
	at("least").textContent = failed ? "–" : percent(p.least);
	at("peak").textContent = failed ? "–" : percent(p.peak);
}

function showCells(p) {
	const cells = p.cells ?? [], places = new Map(p.lists.at(-1).map((m, i) => [m.id, i]));
	at("legend").textContent = (p.every ? "Each square is a slot of the table" : `${cells.length} hashes, evenly spaced`) +
		", in the colour of its member. • moved since it had to, × moved without need.";
	at("cells").replaceChildren(...cells.map((c, i) => {
		const span = document.createElement("span");
		const owner = c.member || "nobody";
		span.title = `${i}: ` + (c.move ? `${c.from || "nobody"} → ${owner}, ${c.move}` : owner);
		span.className = c.move;
		span.textContent = {forced: "•", collateral: "×"}[c.move] ?? "";
		span.style.setProperty("--hue", hue(places.get(c.member) ?? 0));
		return span;
	}));
}

// hue tells members apart. Neighbours are far from each other on the circle.
const hue = i => String((i * 137.5) % 360);

for (const field of ["strategy", "slots", "slack"])
	at(field).addEventListener("change", () =>
		go(at("strategy").value, at("slots").value.trim(), at("slack").value.trim(), shown.lists));
at("add").addEventListener("submit", event => {
	event.preventDefault();
	const id = at("new-id").value, weight = at("new-weight").value;
	at("new-id").value = "";
	change(list => [...list, {id, weight}]);
	at("new-id").focus();
});
at("undo").addEventListener("click", () => go(shown.strategy, shown.slots, shown.slack, shown.lists.slice(0, -1)));
at("over").addEventListener("click", () => {
	history.pushState(null, "", location.pathname);
	show();
});

const program = new Go();
WebAssembly.instantiateStreaming(fetch("playground.wasm"), program.importObject)
	.then(result => program.run(result.instance))
	.catch(err => { at("status").textContent = "The program did not start: " + err; });
