// Sends what the API asks for with viem, one after the other, and prints the hashes.
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { key, transactions, url } from "./asked.mjs";

const chain = defineChain({
    id: Number(transactions[0].chainId), // which viem compares with the node's
    name: "the leg's",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [url] } },
});
const transport = http(url);
const wallet = createWalletClient({ account: privateKeyToAccount(key), chain, transport });
const node = createPublicClient({ chain, transport, pollingInterval: 20 });
const hashes = [];

for (const { to, data, value, gas } of transactions) {
    const hash = await wallet.sendTransaction({ to, data, value: BigInt(value), gas: gas && BigInt(gas) });
    const { status } = await node.waitForTransactionReceipt({ hash });
    if (status !== "success") throw new Error(`${hash} was reverted`);
    hashes.push(hash);
}
console.log(JSON.stringify(hashes));
