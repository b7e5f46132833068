// Shows the stats of a forwarder, once a second, and drains members. It needs nothing from elsewhere.

const every = 1000; // ms
const minute = 60;  // points of a line

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

const services = new Map(); // name to { section, body, members: id to { row, past } }
let before = null;          // the stats before these, and when they came
const notices = new Map();  // by what they are about
let token = sessionStorage.getItem("token") ?? "";

async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { ...options, headers, cache: "no-store", signal: AbortSignal.timeout(10_000) });
  if (answer.status === 401) {
    $("ask").hidden = false;
  }
  if (!answer.ok) {
    throw new Error((await answer.text()).trim() || answer.statusText);
  }
  return answer;
}

// rate returns how much a counter grew a second, or null: before there are two answers, or when the forwarder was restarted.
function rate(now, was, seconds) {
  return was === undefined || now < was || seconds <= 0 ? null : (now - was) / seconds;
}

function show(stats, at) {
  const seconds = before ? (at - before.at) / 1000 : 0;
  const was = before?.stats;
  showHealth(stats);
  notify("reload", stats.reloads.error ? `The configuration was refused, the old one stays. ${stats.reloads.error}` : "");

  notify("host", (stats.host ?? []).filter((f) => f.wrong).map((f) => `${f.about}: ${f.says}`).join("\n"));
  showSnapshots(stats.snapshots);
  showProcess(stats.process, stats.reloads);
  $("paths").hidden = stats.slow.frames === 0;
  $("paths").textContent = `${percent.format(stats.slow.frames / Math.max(1, stats.in.frames))} of them by the slow path`;
  $("packets").textContent = perSecond(rate(stats.in.frames, was?.in.frames, seconds), "packets");
  const bytes = rate(stats.in.bytes, was?.in.bytes, seconds);
  $("bits").textContent = `${bytes === null ? "–" : short.format(bytes * 8)} bit/s, ${short.format(stats.in.frames)} packets so far`;
  const other = stats.notForService.frames;
  $("other").hidden = other === 0;
  $("other").textContent = `and ${short.format(other)} for no service, left to the kernel`;
  const dropped = total(stats.dropped);
  $("drops").textContent = perSecond(rate(dropped, was ? total(was.dropped) : undefined, seconds), "packets");
  $("reasons").textContent = byReason(stats.dropped) || "none so far";
  showFlows(stats.flows, was?.flows, seconds);
  showServices(stats.services, was?.services, seconds, stats.flows !== null);
  showCluster(stats.cluster);
  showRouters(stats.bgp);
  showChanges(stats.changes);
  before = { stats, at };
}

// showHealth says whether packets flow, and for which services they do not.
function showHealth(stats) {
  const dead = stats.services.filter((s) => !s.healthy).map((s) => s.name === "default" ? "the first service" : s.name);
  if (!stats.healthy) {
    setBadge($("health"), "bad", stats.reason);
  } else if (dead.length > 0) {
    setBadge($("health"), "warn", `packets flow, but none for ${dead.join(", ")}`);
  } else if (down(stats) > 0) {
    setBadge($("health"), "warn", `packets flow, members that are down: ${down(stats)}`);
  } else {
    setBadge($("health"), "good", "packets flow");
  }
}

// down counts the members that are down, each once.
function down(stats) {
  return new Set(stats.services.flatMap((s) => s.members).filter((m) => m.state === "down").map((m) => m.id)).size;
}

// showProcess says what forwards, and since when.
function showProcess(process, reloads) {
  $("plane").textContent = process.plane || "–";
  $("mode").textContent = `${process.mode ? `${process.mode}, ` : ""}workers: ${process.workers}`;
  $("uptime").textContent = `up for ${span(process.uptimeSeconds)}`;
  $("reloaded").hidden = !reloads.at;
  $("reloaded").textContent = `configuration read again at ${reloads.at ? clock(reloads.at) : ""}`;
}

function clock(time) {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "short", timeStyle: "medium" });
}

// span writes a time in its two greatest units.
function span(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]].map(([unit, size], i, all) =>
    [Math.floor((i ? seconds % all[i - 1][1] : seconds) / size), unit]);
  const first = Math.max(0, Math.min(parts.findIndex(([n]) => n > 0), 2));
  return (seconds < 1 ? parts.slice(3) : parts.slice(first, first + 2)).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

// showCluster says whether the cluster is within reach, and in what its gateways differ.
function showCluster(c) {
  $("cluster").hidden = !c;
  notify("cluster", c && !c.connected ? `No server of the cluster is within reach since ${clock(c.since)}: packets flow as before, ` +
    `and members can't be changed. ${c.reason ?? ""}` : "");
  if (!c) {
    return;
  }
  setBadge($("clusterState"), !c.connected ? "bad" : c.differences.length > 0 ? "warn" : "good",
    !c.connected ? `without the cluster since ${clock(c.since)}` : c.differences.length > 0 ? "gateways differ" : "gateways agree");
  const pins = c.pins.shared ? `pins shared: ${short.format(c.pins.counts.SentPins)} sent, ${short.format(c.pins.counts.ReceivedPins)} received` :
    `pins are not shared: ${c.pins.reason}`;
  $("clusterFacts").textContent = `${c.gateway} of ${c.name}${c.server ? ` · ${c.server}` : ""} · ${pins}`;
  const own = { name: `${c.gateway}, this one`, live: true, services: c.services, own: c.gateway };
  $("gateways").replaceChildren(...[own, ...c.gateways].map((g) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = g.name;
    row.append(name);
    const state = document.createElement("span");
    state.className = "badge";
    setBadge(state, g.reason ? "bad" : g.live ? "good" : "warn", g.reason || (g.live ? "live" : `silent since ${clock(g.heard)}`));
    const versions = g.services.map((s) => `${s.name} ${s.joined ? `${s.version} (${s.fingerprint})` : "not joined"}` +
      `${s.reason ? `: ${s.reason}` : ""}`).join(", ");
    const differences = c.differences.filter((d) => d.gateway === (g.own ?? g.name)).map((d) => d.says).join("; ");
    for (const content of [state, versions || "–", differences || "none"]) {
      row.insertCell().append(content);
    }
    return row;
  }));
  $("clusterFile").hidden = c.configuration.length === 0;
  $("clusterFile").textContent = `The configuration is not what is in force: ${c.configuration.join("; ")}.`;
}

// showSnapshots says how old the last one is, and why there is none since.
function showSnapshots(s) {
  $("saved").hidden = !s?.at;
  $("saved").textContent = `saved ${whole.format(s?.age ?? 0)} s ago`;
  notify("snapshot", s?.error ? `The flows are not saved, and a restart would lose them. ${s.error}` : "");
}

// byReason says how many packets were dropped for each reason.
function byReason(dropped) {
  return Object.entries(dropped ?? {}).filter(([, n]) => n > 0).sort()
    .map(([reason, n]) => `${reason}: ${short.format(n)}`).join(", ");
}

function total(dropped) {
  return Object.values(dropped).reduce((sum, n) => sum + n, 0);
}

function perSecond(n, what) {
  return n === null ? "–" : `${short.format(n)} ${what}/s`;
}

function showFlows(flows, was, seconds) {
  if (flows === null) {
    $("flows").textContent = "not sticky";
    $("load").hidden = true;
    return;
  }
  const load = flows.flows / flows.capacity;
  $("flows").textContent = `${whole.format(flows.flows)} flows`;
  $("load").value = load;
  $("loadText").textContent = `${percent.format(load)} of ${short.format(flows.capacity)}`;
  $("placed").textContent = perSecond(rate(flows.placed, was?.placed, seconds), "flows");
  $("fates").textContent = `so far ${short.format(flows.placed)} placed, ${short.format(flows.moved)} moved, ${short.format(flows.refused)} refused, ` +
    `${short.format(flows.expired)} expired, ${short.format(flows.evicted)} evicted; packets detoured: ${short.format(flows.detoured)}`;
}

function showServices(list, was, seconds, sticky) {
  for (const [name, s] of services) {
    if (!list.some((l) => l.name === name)) {
      s.section.remove();
      services.delete(name);
    }
  }
  for (const service of list) {
    if (!services.has(service.name)) {
      services.set(service.name, newService(service.name));
    }
    const s = services.get(service.name);
    const usable = s.section.querySelector(".usable");
    setBadge(usable, service.healthy ? "good" : "bad", service.healthy ? "healthy" : service.reason);
    const packets = rate(service.frames, was?.find((w) => w.name === service.name)?.frames, seconds);
    const dropped = service.dropped ? ` · dropped: ${byReason(service.dropped)}` : "";
    s.section.querySelector(".facts").textContent =
      `${served(service)} · ${service.strategy} · version ${service.version} · ${perSecond(packets, "packets")}${dropped}`;
    showMembers(s, service, was?.find((w) => w.name === service.name), seconds, sticky);
  }
}

// served says which packets a service has.
function served(service) {
  const ports = service.ports ? `port ${service.ports.join(", ")}` : "";
  return [service.vip.join(", "), service.protocol, ports].filter(Boolean).join(" ");
}

function newService(name) {
  const section = $("serviceTemplate").content.cloneNode(true).firstElementChild;
  const heading = section.querySelector("h2");
  heading.textContent = name === "default" ? "Members" : `Members of ${name}`;
  heading.id = `service-${name}`;
  section.setAttribute("aria-labelledby", heading.id);
  section.querySelector(".scroll").setAttribute("aria-labelledby", heading.id);
  $("services").append(section);
  return { section, body: section.querySelector("tbody"), members: new Map() };
}

function showMembers(s, service, was, seconds, sticky) {
  for (const [id, m] of s.members) {
    if (!service.members.some((l) => l.id === id)) {
      m.row.remove();
      s.members.delete(id);
    }
  }
  for (const member of service.members) {
    if (!s.members.has(member.id)) {
      s.members.set(member.id, newMember(s, service.name, member.id));
    }
    const m = s.members.get(member.id);
    m.rate = rate(member.frames, was?.members.find((w) => w.id === member.id)?.frames, seconds);
    m.past = [...m.past, m.rate ?? 0].slice(-minute);
  }
  s.section.querySelector(".scroll").hidden = service.members.length === 0;
  s.section.querySelector(".none").hidden = service.members.length > 0;
  const shown = [...s.members.values()];
  const peak = Math.max(1, ...shown.flatMap((m) => m.past));
  const amount = (member) => sticky ? member.flows : s.members.get(member.id).past.slice(-10).reduce((a, b) => a + b, 0);
  const all = service.members.reduce((sum, member) => sum + amount(member), 0);
  for (const member of service.members) {
    showMember(s.members.get(member.id), member, peak, all > 0 ? amount(member) / all : 0, sticky);
  }
}

function newMember(s, service, id) {
  const row = $("memberTemplate").content.cloneNode(true).firstElementChild;
  row.querySelector(".id").textContent = id;
  row.dataset.member = id;
  row.querySelector(".drain").addEventListener("click", (event) => toggleDrain(event.currentTarget, service, id));
  row.querySelector(".weigh").addEventListener("click", (event) => weigh(event.currentTarget, service, id));
  row.querySelector(".weigh").setAttribute("aria-label", `Weigh ${id}`);
  s.body.append(row);
  return { row, past: [], rate: null };
}

const states = { up: "good", drained: "warn", down: "bad" };

// ends says when a drain is to end, or that it has.
function ends(drain) {
  const end = (what, at, ended) => ended ? `, ended${what}` : at ? `, until ${clock(at)}${what}` : "";
  return end("", drain?.deadline, drain?.ended) + end(" for UDP", drain?.udpDeadline, drain?.udpEnded);
}

function showMember(m, member, peak, share, sticky) {
  const cell = (name) => m.row.querySelector(`.${name}`);
  const left = member.weight === 0 && sticky ? ` · ${whole.format(member.flows)} left` : "";
  setBadge(cell("state"), states[member.state], member.state + left);
  cell("by").hidden = !member.drain?.by;
  cell("by").textContent = `by ${member.drain?.by}${ends(member.drain)}`;
  cell("why").hidden = !member.reason;
  cell("why").textContent = member.reason ?? "";
  cell("lost").hidden = !member.dropped;
  cell("lost").textContent = `not sent: ${byReason(member.dropped)}`;
  cell("place").textContent = `${member.addr} on ${member.dev}`;
  cell("weight").textContent = whole.format(member.weight);
  cell("rate").textContent = m.rate === null ? "–" : short.format(m.rate);
  cell("flows").textContent = sticky ? whole.format(member.flows) : "–";
  const step = 120 / (minute - 1), from = minute - m.past.length;
  m.row.querySelector("polyline").setAttribute("points",
    m.past.map((n, i) => `${((from + i) * step).toFixed(1)},${(27 - 26 * n / peak).toFixed(1)}`).join(" "));
  cell("fill").style.width = `${100 * share}%`;
  cell("due").style.left = `calc(${100 * member.due}% - 1px)`;
  cell("shareText").textContent = `${percent.format(share)} of ${percent.format(member.due)} due`;
  const button = m.row.querySelector(".drain");
  const drained = member.weight === 0;
  button.textContent = drained ? "Undrain" : "Drain";
  button.setAttribute("aria-label", `${button.textContent} ${member.id}`);
  button.dataset.drained = drained ? "yes" : "";
}

// confirm asks whether something is to be done; with a weight, also which. It returns null if not.
function confirm(title, text, action, weight) {
  $("confirmTitle").textContent = title;
  $("confirmText").textContent = text;
  $("confirmed").textContent = action;
  $("weightPart").hidden = weight === undefined;
  $("weight").disabled = weight === undefined;
  $("weight").value = weight ?? "";
  const dialog = $("confirm");
  dialog.showModal();
  // Not by the event of closing: that comes later, when another may be asked.
  return new Promise((resolve) => {
    const answered = new AbortController();
    const answer = (yes) => {
      answered.abort();
      resolve(yes ? { weight: Number($("weight").value) } : null);
    };
    const { signal } = answered;
    dialog.firstElementChild.addEventListener("submit", (event) => answer(event.submitter?.value === "yes"), { signal });
    dialog.addEventListener("cancel", () => answer(false), { signal }); // by the Escape key
  });
}

function membersOf(service) {
  return before.stats.services.find((s) => s.name === service).members;
}

// confirmDrain says what a drain does.
function confirmDrain(service, id) {
  const members = membersOf(service);
  const flows = members.find((m) => m.id === id)?.flows ?? 0;
  const others = members.some((m) => m.id !== id && m.state === "up");
  return confirm(`Drain ${id}?`, `It gets no new flow${flows > 0 ? `, and keeps the ${whole.format(flows)} that it has` : ""}. ` +
    (others ? "The others take what is new." : "No other member is up: what is new is dropped."), `Drain ${id}`);
}

async function toggleDrain(button, service, id) {
  const undrain = button.dataset.drained === "yes";
  if (!undrain && !(await confirmDrain(service, id))) {
    button.focus();
    return;
  }
  await change(button, service, id, undrain ? { method: "PUT" } : { method: "POST" }, undrain ? "" : "/drain",
    undrain ? `${id} takes new flows again` : `${id} gets no new flow`);
}

async function weigh(button, service, id) {
  const present = membersOf(service).find((m) => m.id === id)?.weight ?? 1;
  const text = present === 0 ? "It is drained: with a weight it takes new flows again." :
    `It weighs ${whole.format(present)}. New flows are shared by weight; flows that have a pin stay.`;
  const answer = await confirm(`Weigh ${id}?`, text, `Weigh ${id}`, present || 1);
  if (answer === null) {
    button.focus();
    return;
  }
  await change(button, service, id, { method: "PUT", body: JSON.stringify({ weight: answer.weight }) }, "",
    `${id} weighs ${whole.format(answer.weight)}`);
}

// change has the gateway change a member, and says what became of that.
async function change(button, service, id, request, path, done) {
  button.disabled = true;
  notify("change", "");
  try {
    const answer = await ask(`services/${encodeURIComponent(service)}/members/${encodeURIComponent(id)}${path}`, request);
    const warning = answer.headers.get("Warning")?.match(/"(.*)"/)?.[1];
    notify("change", warning ? `${id}: ${warning}.` : "");
    $("said").textContent = done;
    await refresh();
  } catch (error) {
    notify("change", `${id}: ${error.message}`);
  }
  button.disabled = false;
  if (document.activeElement === document.body) { // nobody went on to something else meanwhile
    button.focus(); // which it lost
  }
}

const phases = {
  announcing: ["good", "announcing"],
  draining: ["warn", "draining: routers are asked to prefer others"],
  withdrawn: ["bad", "drained: nothing is announced"],
};

// showRouters says how the gateway stands to its routers, if it has any.
function showRouters(bgp) {
  $("routers").hidden = !bgp;
  if (!bgp) {
    return;
  }
  setBadge($("phase"), ...phases[bgp.phase]);
  const few = 8, more = bgp.announced.length - few;
  $("announced").textContent = `AS ${bgp.as} · announced: ${bgp.announced.slice(0, few).join(", ") || "nothing"}` +
    (more > 0 ? ` and ${whole.format(more)} more` : "");
  $("peers").replaceChildren(...bgp.peers.map((p) => {
    const row = $("peerTemplate").content.cloneNode(true).firstElementChild;
    const cell = (name) => row.querySelector(`.${name}`);
    row.dataset.peer = p.addr;
    cell("addr").textContent = p.addr;
    cell("place").textContent = `AS ${p.as}`;
    setBadge(cell("session"), p.session === "established" ? "good" : "bad", p.session);
    cell("why").hidden = !p.reason;
    cell("why").textContent = p.reason ?? "";
    cell("since").textContent = p.since ? clock(p.since) : "–";
    cell("bfd").textContent = p.bfd || "–";
    cell("received").textContent = whole.format(p.received);
    return row;
  }));
}

function showChanges(changes) {
  $("changes").replaceChildren(...changes.map((c) => {
    const row = document.createElement("tr");
    const time = document.createElement("time");
    time.dateTime = c.at;
    time.textContent = new Date(c.at).toLocaleTimeString("en-GB");
    const needlessly = c.collateral >= 0.0005 ? `, ${percent.format(c.collateral)} needlessly` : ""; // less shows as 0 %
    const what = c.flows ? `${c.what}: ${whole.format(c.detoured ?? 0)} of ${whole.format(c.flows)} flows detoured` : c.what;
    const hashes = c.version ? percent.format(c.moved) + needlessly : "–";
    for (const [content, number] of [[time], [c.service ?? ""], [what], [hashes, true], [whole.format(c.voided), true], [whole.format(c.flowsMoved), true], [c.by ?? ""]]) {
      const cell = row.insertCell();
      cell.className = number ? "number" : "";
      cell.append(content);
    }
    return row;
  }));
}

function setBadge(element, kind, text) {
  element.className = element.className.replace(/\b(good|warn|bad)\b/g, "").trim() + ` ${kind}`;
  if (element.textContent !== text) { // or a screen reader would say it again
    element.textContent = text;
  }
}

// notify shows what is wrong, one line for each thing that may be; nothing for what is right again.
function notify(about, text) {
  if ((notices.get(about) ?? "") === text) {
    return;
  }
  notices.set(about, text);
  const lines = [...notices.values()].filter((line) => line !== "");
  $("notice").hidden = lines.length === 0;
  $("notice").textContent = lines.join("\n");
}

async function refresh() {
  const stats = await (await ask("stats")).json();
  show(stats, performance.now());
  notify("answer", "");
  $("ask").hidden = true;
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value;
  sessionStorage.setItem("token", token);
  refresh().catch((error) => notify("answer", error.message));
});

// say writes where a flow goes.
function say(a) {
  const flow = `${a.protocol} ${a.source} to ${a.destination}`;
  const to = a.member ? `${a.member.id} of ${a.service}, ${a.member.addr} on ${a.member.dev}, ${a.member.state}. ` : "";
  const pin = a.pin ? ` The pin is in the state ${a.pin.state}, had a packet about ${span(a.pin.ageSeconds)} ago, and is kept for ` +
    `${span(a.pin.timeoutSeconds)} of silence.` : "";
  const anew = a.pin ? (a.placed ? ` If it were new, it would go to ${a.placed}.` : " If it were new, it would be dropped.") : "";
  const others = (a.gateways ?? []).map((g) => ` At ${g.gateway}: ` + (g.answer ?
    `${g.answer.verdict}${g.answer.member ? ` to ${g.answer.member.id}` : ""}.` : `no answer, ${g.error}.`)).join("");
  return `${flow}: ${a.verdict}. ${to}${a.why[0].toUpperCase()}${a.why.slice(1)}.${pin}${anew}${others}`;
}

$("flowForm").addEventListener("submit", async (event) => {
  event.preventDefault();
  const query = new URLSearchParams({ src: $("flowSource").value, dst: $("flowDestination").value, proto: $("flowProtocol").value });
  try {
    $("flowAnswer").textContent = say(await (await ask(`flow?${query}`)).json());
    $("flowAnswer").classList.remove("bad");
  } catch (error) {
    $("flowAnswer").textContent = error.message;
    $("flowAnswer").classList.add("bad");
  }
});

// A link carries no token, so what it leads to is shown here.
for (const link of document.querySelectorAll("a.raw")) {
  link.addEventListener("click", async (event) => {
    if (!token) {
      return;
    }
    event.preventDefault();
    $("rawTitle").textContent = link.textContent;
    try {
      const text = await (await ask(link.getAttribute("href"))).text();
      $("rawText").textContent = text.startsWith("{") ? JSON.stringify(JSON.parse(text), null, 2) : text;
    } catch (error) {
      $("rawText").textContent = error.message;
    }
    $("raw").showModal();
  });
}

async function poll() {
  if (!document.hidden) {
    try {
      await refresh();
    } catch (error) {
      setBadge($("health"), "bad", "no answer");
      notify("answer", `No figures from the forwarder: ${error.message}`);
    }
  }
  setTimeout(poll, every);
}

poll();
