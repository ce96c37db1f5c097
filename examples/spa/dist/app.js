import { authFetch, signIn, signOut, user, watchSession } from "/auth/client.js"

const at = (id) => document.getElementById(id)

async function showNotes() {
  const notes = await (await authFetch("/api/notes")).json()
  at("notes").replaceChildren(...notes.map((text) => Object.assign(document.createElement("li"), { textContent: text })))
}

async function showEvents() {
  const response = await authFetch("/api/events")
  at("events").textContent = response.ok ? (await response.json()).events.join(", ") : "The calendar does not answer."
}

at("in").onclick = () => signIn()
at("out").onclick = () => signOut()
at("add").onsubmit = async (event) => {
  event.preventDefault()
  const text = new FormData(event.target).get("text")
  const headers = { "Content-Type": "application/json" }
  const response = await authFetch("/api/notes", { method: "POST", headers, body: JSON.stringify({ text }) })
  if (response.ok) {
    event.target.reset()
    await showNotes()
  }
}

const me = await user()
at("who").textContent = me ? `Hello, ${me.name ?? me.sub}.` : "You are not signed in."
at("in").hidden = Boolean(me)
at("out").hidden = at("add").hidden = !me
if (me) {
  watchSession({
    warnBefore: 60,
    onWarning: (seconds) => { at("warning").textContent = `You will be signed out in ${seconds} seconds.` },
    onEnd: () => location.reload(),
  })
  await Promise.all([showNotes(), showEvents()])
}
