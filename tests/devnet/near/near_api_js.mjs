// Drives a node with near-api-js as it is published, and prints what it saw as one JSON object.
// Usage: node near_api_js.mjs URL ROOT_ACCOUNT ROOT_SECRET_KEY WASM_FILE
import { readFileSync } from "node:fs";
import { Account, JsonRpcProvider, KeyPair, KeyPairSigner, actions, nearToYocto } from "near-api-js";

const [url, rootId, rootKey, wasmFile] = process.argv.slice(2);
// one try each: what the node answers is what the test sees
const provider = new JsonRpcProvider({ url }, { retries: 1 });
const root = new Account(rootId, provider, rootKey);
const NEAR = nearToYocto("1");
const seen = {};

const plain = (value) =>
    JSON.parse(JSON.stringify(value, (_, each) => (typeof each === "bigint" ? each.toString() : each)));

async function errorOf(attempt) {
    try {
        const answer = await attempt();
        return { answer: plain(answer) };
    } catch (error) {
        const { name, publicKey, ...fields } = error;
        return { name: error.constructor.name, ...plain(fields), ...(publicKey && { publicKey: publicKey.toString() }) };
    }
}

async function newAccount(name, near = 20n) {
    const key = KeyPair.fromRandom("ed25519");
    const accountId = `${name}.${rootId}`;
    await root.createAccount({ newAccountId: accountId, publicKey: key.getPublicKey(), nearToTransfer: near * NEAR });
    const account = new Account(accountId, provider, new KeyPairSigner(key));
    return { account, key };
}

async function accounts() {
    const { account } = await newAccount("alice");
    const state = await account.getState();
    const before = await account.getBalance();
    await root.transfer({ receiverId: account.accountId, amount: NEAR });
    const after = await account.getBalance();
    return plain({ state, gained: after - before });
}

async function contracts() {
    const { account } = await newAccount("keeper");
    await account.deployContract(readFileSync(wasmFile));
    const code = await account.getContractCode();
    const returned = await root.callFunction({ contractId: account.accountId, methodName: "get" });
    await root.callFunction({
        contractId: account.accountId, methodName: "set", args: { a: 1 }, gas: 50n * 10n ** 12n, deposit: 3n,
    });
    const raw = await root.callFunctionRaw({ contractId: account.accountId, methodName: "set", args: { a: 2 } });
    const viewed = await provider.callFunction({ contractId: account.accountId, method: "get", args: {} });
    const stored = await account.getContractState();
    return plain({
        returned, viewed, codeBytes: code.code.length, logs: raw.receipts_outcome[0].outcome.logs, values: stored.values,
    });
}

async function keys() {
    const { account } = await newAccount("bob");
    const full = KeyPair.fromRandom("ed25519");
    const limited = KeyPair.fromRandom("ed25519");
    const secp = KeyPair.fromRandom("secp256k1");
    await account.addFullAccessKey(full.getPublicKey());
    await account.addFunctionCallAccessKey({
        publicKey: limited.getPublicKey(), contractId: `keeper.${rootId}`, methodNames: ["set"], allowance: NEAR,
    });
    await account.addFullAccessKey(secp.getPublicKey());
    const listed = (await account.getAccessKeyList()).keys.length;
    const added = new Account(account.accountId, provider, new KeyPairSigner(full));
    await added.transfer({ receiverId: rootId, amount: 1n });
    const bySecp = new Account(account.accountId, provider, new KeyPairSigner(secp));
    await bySecp.transfer({ receiverId: rootId, amount: 1n });
    const caller = new Account(account.accountId, provider, new KeyPairSigner(limited));
    await caller.callFunction({ contractId: `keeper.${rootId}`, methodName: "set", args: { b: 1 } });
    const permission = (await account.getAccessKey(limited.getPublicKey())).permission;
    const refused = await errorOf(() => caller.callFunction({ contractId: `keeper.${rootId}`, methodName: "remove" }));
    await account.deleteKey(full.getPublicKey());
    const gone = await errorOf(() => account.getAccessKey(full.getPublicKey()));
    const dead = await errorOf(() => added.transfer({ receiverId: rootId, amount: 1n }));
    return { listed, permission: plain(permission), refused, gone, dead, deleted: full.getPublicKey().toString() };
}

async function deletion() {
    const { account } = await newAccount("leaver");
    const before = await root.getBalance();
    await account.deleteAccount(rootId);
    const missing = await errorOf(() => provider.viewAccount({ accountId: account.accountId }));
    return plain({ missing, gained: (await root.getBalance()) - before });
}

async function metaTransactions() {
    const { account: sender } = await newAccount("sender");
    const { account: relayer } = await newAccount("relayer");
    const before = await sender.getBalance();
    const { signedDelegate } = await sender.createSignedMetaTransaction({
        receiverId: `keeper.${rootId}`,
        actions: [actions.functionCall("set", { meta: 1 }, 30n * 10n ** 12n, 0n)],
    });
    await relayer.relayMetaTransaction(signedDelegate);
    const viewed = await provider.callFunction({ contractId: `keeper.${rootId}`, method: "get", args: {} });
    const again = await errorOf(() => relayer.relayMetaTransaction(signedDelegate));
    const expired = await errorOf(async () => {
        const { signedDelegate: late } = await sender.createSignedMetaTransaction({
            receiverId: rootId, actions: [actions.transfer(1n)], blockHeightTtl: 0,
        });
        return relayer.relayMetaTransaction(late);
    });
    return plain({ viewed, again, expired, spent: before - (await sender.getBalance()) });
}

async function levels() {
    const reached = {};
    for (const level of ["NONE", "INCLUDED", "EXECUTED_OPTIMISTIC", "INCLUDED_FINAL", "EXECUTED", "FINAL"]) {
        const signed = await root.createSignedTransaction({ receiverId: rootId, actions: [actions.transfer(1n)] });
        const sent = await provider.sendTransactionUntil(signed, level);
        reached[level] = sent.final_execution_status;
        if (level === "NONE") continue;
        const txHash = sent.transaction.hash;
        const followed = await provider.viewTransactionStatus({ txHash, accountId: rootId, waitUntil: level });
        const receipts = await provider.viewTransactionStatusWithReceipts({ txHash, accountId: rootId, waitUntil: level });
        reached[`${level} followed`] = followed.final_execution_status;
        reached[`${level} receipts`] = receipts.receipts.length;
    }
    return reached;
}

async function chain() {
    const status = await provider.viewNodeStatus();
    const block = await provider.viewBlock({ finality: "final" });
    const chunk = await provider.viewChunk(block.chunks[0].chunk_hash);
    const validators = await provider.viewValidators();
    const gas = await provider.viewGasPrice(null);
    const config = await provider.experimental_protocolConfig({ finality: "final" });
    const sent = await root.transfer({ receiverId: `alice.${rootId}`, amount: 5n });
    const at = { blockId: sent.receipts_outcome[0].block_hash };
    const changed = await provider.blockChanges(at);
    const accountChanges = await provider.accountChanges([`alice.${rootId}`], at);
    const receipt = await provider.viewTransactionReceipt(sent.transaction_outcome.outcome.receipt_ids[0]);
    return plain({
        chainId: status.chain_id,
        chunkHeight: chunk.header.height_included - block.header.height,
        validators: validators.current_validators.map((each) => each.account_id),
        gasPrice: gas.gas_price,
        bytePrice: config.runtime_config.storage_amount_per_byte,
        changed: changed.changes.map((each) => [each.type, each.account_id]),
        accountChanges: accountChanges.changes.map((each) => each.type),
        receipt: receipt.receipt.Action.actions,
    });
}

async function errors() {
    const { account: poor } = await newAccount("poor", 1n);
    const keeper = `keeper.${rootId}`;
    const stranger = new Account(rootId, provider, KeyPairSigner.fromSecretKey(KeyPair.fromRandom("ed25519").toString()));
    const unknownHash = "4reLvkAWfqk5fsqio1KLudk46cqRz9erQdaHkWZKMJDZ";
    const invalidNonce = await root.createSignedTransaction({ receiverId: rootId, actions: [actions.transfer(1n)] });
    await provider.sendTransactionUntil(invalidNonce, "FINAL");
    const again = await root.createSignedTransaction({ receiverId: rootId, actions: [actions.transfer(2n)] });
    again.transaction.nonce = 1n;
    const stale = await new KeyPairSigner(KeyPair.fromString(rootKey)).signTransaction(again.transaction);
    return {
        unknownAccount: await errorOf(() => provider.viewAccount({ accountId: `nobody.${rootId}` })),
        unknownBlock: await errorOf(() => provider.viewBlock({ blockId: 10 ** 9 })),
        unknownChunk: await errorOf(() => provider.viewChunk(unknownHash)),
        unknownReceipt: await errorOf(() => provider.viewTransactionReceipt(unknownHash)),
        unknownTransaction: await errorOf(() =>
            provider.viewTransactionStatus({ txHash: unknownHash, accountId: rootId, waitUntil: "NONE" })),
        noCode: await errorOf(() => provider.callFunction({ contractId: rootId, method: "get", args: {} })),
        noMethod: await errorOf(() => provider.callFunction({ contractId: keeper, method: "missing", args: {} })),
        viewPanic: await errorOf(() => provider.callFunction({ contractId: keeper, method: "set_and_panic", args: {} })),
        viewTrap: await errorOf(() => provider.callFunction({ contractId: keeper, method: "unreachable", args: {} })),
        callPanic: await errorOf(() => root.callFunction({ contractId: keeper, methodName: "set_and_panic" })),
        tooPoor: await errorOf(() => poor.transfer({ receiverId: rootId, amount: 5n * NEAR })),
        noReceiver: await errorOf(() => root.transfer({ receiverId: `nobody.${rootId}`, amount: 1n })),
        accountExists: await errorOf(() => newAccount("poor")),
        unknownKey: await errorOf(() => stranger.transfer({ receiverId: rootId, amount: 1n })),
        staleNonce: await errorOf(() => provider.sendTransactionUntil(stale.signedTransaction, "INCLUDED")),
    };
}

for (const part of [accounts, contracts, keys, deletion, metaTransactions, levels, chain, errors]) {
    try {
        seen[part.name] = await part();
    } catch (error) {
        seen[part.name] = { failed: String(error.stack ?? error), fields: plain({ ...error }) };
    }
}
console.log(JSON.stringify(seen));
