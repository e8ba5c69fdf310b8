// Sends what the API asks for with near-api-js, one after the other, and prints the hashes.
import { Account, JsonRpcProvider, actions } from "near-api-js";
import { account, key, transactions, url } from "./asked.mjs";

const wallet = new Account(account, new JsonRpcProvider({ url }), key);
const hashes = [];

for (const { receiverId, actions: wanted } of transactions) {
    const calls = wanted.map(({ params }) =>
        actions.functionCall(params.methodName, params.args, BigInt(params.gas), BigInt(params.deposit)));
    const sent = await wallet.signAndSendTransaction({ receiverId, actions: calls, waitUntil: "FINAL" });
    hashes.push(sent.transaction.hash);
}
console.log(JSON.stringify(hashes));
