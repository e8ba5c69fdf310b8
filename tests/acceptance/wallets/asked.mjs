// What a maker's wallet has to send, from an answer of the API on standard input, and nothing else known of the service:
// of a session its `walletTransactions`; with a leg and a call as arguments, that one of an exit kit, the secret filled in.
import { readFileSync } from "node:fs";

const answer = JSON.parse(readFileSync(0, "utf8"));
const [role, call] = process.argv.slice(2);

export const { RPC_URL: url, WALLET_KEY: key, WALLET_ACCOUNT: account } = process.env;

export const transactions = role === undefined ? answer.walletTransactions : [exit()];

function exit() {
    const leg = answer.legs.find((each) => each.role === role);
    const { transaction } = leg.exits.find((each) => each.call === call);
    return JSON.parse(JSON.stringify(transaction).replace("{secret}", process.env.SECRET));
}
