// SPDX-License-Identifier: Apache-2.0
// Passkeys: the browser's part of making one and of signing in with one.
"use strict";
(() => {
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) return;
  const problem = document.getElementById("passkey-problem");
  const tell = (text) => { problem.textContent = text; problem.hidden = !text; };
  const ask = async (url, body) => {
    const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: body ? JSON.stringify(body) : "{}" });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.problem || "The server refused the passkey.");
    return said;
  };
  const attempt = (f) => async () => {
    tell("");
    try { await f(); } catch (e) { tell(e.name === "NotAllowedError" ? "No passkey was used." : e.message); }
  };

  for (const p of document.querySelectorAll("[data-passkey]")) {
    p.hidden = false;
    const [path, query] = p.dataset.passkey.split("?");
    p.querySelector("button").addEventListener("click", attempt(async () => {
      const options = await ask(path + "/begin");
      const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
      location.assign((await ask(path + "/finish?" + query, credential.toJSON())).to);
    }));
  }

  for (const p of document.querySelectorAll("[data-new-passkey]")) {
    p.hidden = false;
    p.querySelector("button").addEventListener("click", attempt(async () => {
      const options = await ask("/account/passkeys/begin");
      const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) });
      const name = encodeURIComponent(p.querySelector("input").value);
      const said = await ask("/account/passkeys/finish?name=" + name, credential.toJSON());
      if (!said.codes) return location.assign(said.to);
      const shown = document.getElementById("passkey-codes");
      shown.hidden = false;
      shown.textContent = "The passkey is set up. Keep these recovery codes; they are shown only now: " + said.codes.join("  ");
    }));
  }
})();
