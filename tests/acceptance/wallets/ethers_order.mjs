// Signs a session's order with ethers and prints the signature; ethers makes the domain's type by itself.
import { readFileSync } from "node:fs";
import { Wallet } from "ethers";

const { domain, types, message } = JSON.parse(readFileSync(0, "utf8")).order;
const { EIP712Domain: _, ...own } = types;
console.log(JSON.stringify(await new Wallet(process.env.WALLET_KEY).signTypedData(domain, own, message)));
