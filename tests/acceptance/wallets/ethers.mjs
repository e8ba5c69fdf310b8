// Sends what the API asks for with ethers, one after the other, and prints the hashes.
import { JsonRpcProvider, Wallet } from "ethers";
import { key, transactions, url } from "./asked.mjs";

// its cache and pauses are made for blocks of seconds, and would answer with the nonce of a block ago
const provider = new JsonRpcProvider(url, undefined, { cacheTimeout: -1, pollingInterval: 20 });
const wallet = new Wallet(key, provider);
const hashes = [];

for (const { gas, ...transaction } of transactions) {
    const sent = await wallet.sendTransaction({ ...transaction, gasLimit: gas });
    await sent.wait(); // throws when it was reverted
    hashes.push(sent.hash);
}
provider.destroy();
console.log(JSON.stringify(hashes));
