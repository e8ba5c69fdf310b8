// Follows one session: its legs by the REST API, its moves by the WebSocket feed.
"use strict";

const LONGEST_PAUSE = 15_000; // milliseconds between two tries to connect
const REFUSED = new Set([4401, 4403]); // the key is not good: trying again changes nothing

const part = (id) => document.getElementById(id);
let following = null; // {key, sessionId, seq, socket, failures}

for (const cell of document.querySelectorAll("[data-amount]")) {
  cell.textContent = inCoins(cell.dataset.amount, Number(cell.dataset.decimals));
}

part("follow").addEventListener("submit", async (event) => {
  event.preventDefault();
  following?.socket?.close();
  const mine = {
    key: part("key").value.trim(),
    sessionId: part("session").value.trim(),
    seq: 0, // of the last update heard
    shown: 0, // of the newest answer on the page
    failures: 0,
  };
  following = mine;
  part("timeline").replaceChildren();
  part("swap").hidden = true;
  part("message").textContent = "";
  const session = await showSession(mine);
  if (session && following === mine) connect(mine, session.feedUrl);
});

part("exit").querySelector("button").addEventListener("click", async () => {
  const mine = following;
  try {
    const path = `/api/v1/sessions/${encodeURIComponent(mine.sessionId)}/exit-kit`;
    const response = await fetch(path, { headers: { "X-API-Key": mine.key, Accept: "text/html" } });
    if (!response.ok) throw new Error((await response.json()).detail);
    save(await response.blob(), `exit-kit-${mine.sessionId}.html`);
  } catch (error) {
    if (following === mine) part("message").textContent = error.message;
  }
});

function save(blob, name) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function showSession(mine) {
  try {
    const path = `/api/v1/sessions/${encodeURIComponent(mine.sessionId)}`;
    const response = await fetch(path, { headers: { "X-API-Key": mine.key }, cache: "no-store" });
    const answer = await response.json();
    if (following !== mine) return null;
    if (!response.ok) throw new Error(answer.detail);
    if (answer.seq < mine.shown) return answer; // overtaken by a newer one
    mine.shown = answer.seq;
    part("status").textContent = answer.status.replaceAll("_", " ");
    part("progress").value = answer.progress;
    part("attention").hidden = !answer.attention;
    part("attention").textContent = answer.attention ? `Needs a person: ${answer.attention.reason}` : "";
    part("legs").replaceChildren(...answer.legs.map(legCard));
    part("exit").hidden = answer.legs.length === 0;
    part("swap").hidden = false;
    part("message").textContent = answer.walletTransactions.length ? "Waiting for the maker's wallet to lock the source." : "";
    return answer;
  } catch (error) {
    if (following === mine) part("message").textContent = error.message;
    return null;
  }
}

function connect(mine, url) {
  const socket = new WebSocket(url);
  const say = (message) => socket.send(JSON.stringify(message));
  mine.socket = socket;
  socket.onopen = () => say({ type: "auth", apiKey: mine.key });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (following !== mine) return;
    if (message.type === "authenticated") {
      say({ type: "subscribe", channel: "session", sessionId: mine.sessionId, after: mine.seq });
    } else if (message.type === "subscribed") {
      mine.failures = 0;
      setLive(true);
    } else if (message.type === "session_update") {
      mine.seq = message.seq;
      part("timeline").append(timelineRow(message));
      showSession(mine);
    } else if (message.type === "error") {
      part("message").textContent = message.detail;
    }
  };
  socket.onclose = ({ code }) => {
    if (following !== mine) return;
    setLive(false);
    if (REFUSED.has(code)) return;
    mine.failures += 1;
    setTimeout(() => following === mine && connect(mine, url), Math.min(500 * 2 ** mine.failures, LONGEST_PAUSE));
  };
}

function setLive(isLive) {
  part("live").textContent = isLive ? "live" : "not connected";
  part("live").classList.toggle("live", isLive);
}

function timelineRow({ status, data }) {
  const when = make("time", data.at.replace("T", " ").replace("Z", " UTC"));
  when.dateTime = data.at;
  return make("li", when, make("b", status.replaceAll("_", " ")), make("span", data.reason));
}

function legCard(leg) {
  const sum = make("div", `${inCoins(leg.amount, leg.decimals)} ${leg.symbol}`);
  sum.className = "sum";
  const facts = make("dl");
  const add = (name, value) => facts.append(make("dt", name), make("dd", value));
  add("state", leg.state.head === leg.state.final ? `${leg.state.final}, final` : `${leg.state.head}, not final yet`);
  add("from", leg.depositor);
  add("to", leg.beneficiary);
  add("lock id", leg.lockId);
  add("hashlock", leg.hashlock);
  add("refundable", `from ${leg.timelock}`);
  for (const tx of leg.transactions) add(tx.call ?? "by others", `${tx.hash} ${tx.status}`);
  const card = make("article", make("h3", `${leg.role} on ${leg.chain}`), sum, facts);
  card.className = "leg";
  return card;
}

function make(tag, ...children) {
  const element = document.createElement(tag);
  element.append(...children); // strings become text, never markup
  return element;
}

function inCoins(amount, decimals) {
  const digits = amount.padStart(decimals + 1, "0");
  const point = digits.length - decimals;
  const fraction = digits.slice(point).replace(/0+$/, "");
  const whole = digits.slice(0, point).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return fraction ? `${whole}.${fraction}` : whole;
}
