// Keeps an open page up to date: when a version is announced, the page is fetched again and what differs is changed in place, so that
// focus, scroll positions and open disclosures stay. Without this script every page is whole, and stands still.
"use strict";
(() => {
  const POLL = 5000, PAUSE = 1000, REMAKE = 2000;
  const body = document.body, notice = document.getElementById("notice"), freshness = document.getElementById("freshness");
  let stream = null, poll = null, later = null, newest = 0, busy = false, again = false, answered = Date.now(), lost = false, denied = false;

  // makes the node `old` what `next` is, with as few changes as possible
  function morph(old, next) {
    if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName || old.id !== next.id) return old.replaceWith(next);
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
      return;
    }
    if (old.isEqualNode(next)) return;
    const kept = old.nodeName === "DETAILS" ? ["open"] : [];
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) {
      if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    // what somebody types or chooses is theirs
    if (old.nodeName === "FORM" && old.contains(document.activeElement)) return;
    let place = old.firstChild;
    for (const child of [...next.childNodes]) {
      const same = child.id && [...old.children].find((other) => other.id === child.id);
      if (same && same !== place) old.insertBefore(same, place);
      if (same) place = same;
      if (!place) { old.append(child); continue; }
      if (!same && child.id && place.id) { old.insertBefore(child, place); continue; }
      const after = place.nextSibling;
      morph(place, child);
      place = after;
    }
    while (place) { const after = place.nextSibling; place.remove(); place = after; }
  }

  function say(words) {
    notice.hidden = !words;
    if (notice.textContent !== words) notice.textContent = words;
  }

  function tell() {
    const seconds = Math.floor((Date.now() - answered) / 10000) * 10;
    const age = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
    body.dataset.link = lost ? "lost" : stream ? "live" : "polled";
    if (denied) say("This browser is not let in any more: load the page again, or open the address that the program printed last after \u201clive page:\u201d.");
    else if (lost) say(`The program does not answer. What you see is more than ${age} old; the page goes on by itself when it is back.`);
    else if (!stream && !document.hidden) say("There is no live connection: this page asks every 5 s.");
    else say("");
  }

  // fetches the page in a moment, once for all that comes until then
  function soon(pause) {
    body.dataset.settled = "0";
    later ??= setTimeout(() => { later = null; refresh(); }, pause);
  }

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    body.dataset.settled = "0";
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      denied = answer.status === 401;
      const html = await answer.text();
      if (!denied && html.startsWith("<!DOCTYPE")) {
        const next = new DOMParser().parseFromString(html, "text/html");
        morph(document.getElementById("main"), next.getElementById("main"));
        morph(freshness, next.getElementById("freshness"));
        document.title = next.title;
        body.dataset.version = next.body.dataset.version;
      }
      answered = Date.now();
      lost = false;
    } catch {
      lost = true;
    }
    busy = false;
    tell();
    // what is shown may have been made before the newest version
    if (!lost && !denied && Number(body.dataset.version) < newest) soon(REMAKE);
    else if (again) soon(PAUSE);
    again = false;
    body.dataset.settled = later ? "0" : "1";
  }

  function open() {
    if (stream || document.hidden) return;
    stream = new EventSource("/events");
    stream.addEventListener("version", ({ data }) => {
      newest = Number(data);
      clearInterval(poll);
      poll = null;
      if (lost || Number(body.dataset.version) !== newest) soon(Math.max(0, answered + PAUSE - Date.now()));
      else { answered = Date.now(); tell(); }
    });
    stream.onerror = () => {
      // the browser opens it again by itself, unless it was refused
      if (stream && stream.readyState === EventSource.CLOSED) close();
      if (!poll) poll = setInterval(() => { refresh(); open(); }, POLL);
      refresh();
    };
  }

  function close() {
    if (stream) stream.close();
    stream = null;
  }

  function show() {
    if (document.hidden) { close(); clearInterval(poll); poll = null; } else { open(); refresh(); }
  }

  document.addEventListener("visibilitychange", show);
  addEventListener("pagehide", close);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) show(); });
  setInterval(() => { if (lost) tell(); }, 1000);
  // a choice is shown at once
  document.addEventListener("change", ({ target }) => { if (target.matches("form.choice select")) target.form.requestSubmit(); });
  open();
})();
