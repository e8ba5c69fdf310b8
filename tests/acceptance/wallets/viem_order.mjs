// Signs a session's order with viem and prints the signature.
import { readFileSync } from "node:fs";
import { privateKeyToAccount } from "viem/accounts";

const { order } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await privateKeyToAccount(process.env.WALLET_KEY).signTypedData(order)));
