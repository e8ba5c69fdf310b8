"""Gas, storage and size parameters.

Source: nearcore `core/parameters/res/runtime_configs` (`parameters.yaml` and the changes of later
protocol versions). Mainnet made some of them cheaper (a function call) and some dearer (creating
an account, bytes of code and of arguments) over time; here stands the dearest value and the
narrowest limit of those, so that what fits here fits there. Gas is bought at the fixed price:
neither the surcharge on prepaid gas nor the penalty on refunds, which mainnet has given up, exist.
Amounts are gas unless a name says bytes or yocto.
"""

from typing import NamedTuple

GAS_PRICE = 100_000_000  # yocto per gas, fixed
BURNT_GAS_REWARD = (3, 10)  # the part of a call's burnt gas that its contract earns
BLOCK_GAS_LIMIT = 1_000_000_000_000_000

STORAGE_YOCTO_PER_BYTE = 10**19
STORAGE_BYTES_ACCOUNT = 100
STORAGE_BYTES_RECORD = 40
ZERO_BALANCE_BYTES = 770  # NEP-448: an account up to this size needs no balance
MAX_DELETION_BYTES = 10_000  # DeleteAccount is refused above this, code not counted

NONCE_RANGE = 1_000_000  # an access key's first nonce is (height - 1) times this
VALIDITY_BLOCKS = 86_400  # so old a transaction's block hash may be, counted from the head
FINALITY_BLOCKS = 2  # so many filled heights in a row after a block make it final
EPOCH_BLOCKS = 2_500  # mainnet's are 43,200 long; this keeps a day of blocks in bounded memory
EPOCHS_KEPT = 5  # nearcore's garbage collection: the current one and those before it
REGISTRAR = "registrar"
ETH_WALLET_CONTRACT = "2zodJZK2e4nnv5AqwCRnenNSmkikXhEd7PPY6BmfTmW4"  # of ETH-implicit accounts
MIN_TOP_LEVEL_LENGTH = 65  # shorter top-level names belong to the registrar: all of them


class Fee(NamedTuple):
    """Gas burnt when a receipt is sent, and gas burnt where it runs."""

    send: int
    execution: int

    def times(self, count: int) -> "Fee":
        """The fee of `count` bytes or entries."""
        return Fee(self.send * count, self.execution * count)

    def plus(self, other: "Fee") -> "Fee":
        """Both fees together."""
        return Fee(self.send + other.send, self.execution + other.execution)


RECEIPT = Fee(108_059_500_000, 108_059_500_000)
DATA_RECEIPT = Fee(36_486_732_312, 36_486_732_312)
DATA_RECEIPT_BYTE = Fee(47_683_715, 17_212_011)
CREATE_ACCOUNT = Fee(3_850_000_000_000, 3_850_000_000_000)
DELETE_ACCOUNT = Fee(147_489_000_000, 147_489_000_000)
DEPLOY = Fee(184_765_750_000, 184_765_750_000)
DEPLOY_BYTE = Fee(47_683_715, 64_572_944)
FUNCTION_CALL = Fee(2_319_861_500_000, 2_319_861_500_000)
FUNCTION_CALL_BYTE = Fee(47_683_715, 2_235_934)
TRANSFER = Fee(115_123_062_500, 115_123_062_500)
STAKE = Fee(141_715_687_500, 102_217_625_000)
ADD_FULL_KEY = Fee(101_765_125_000, 101_765_125_000)
ADD_CALL_KEY = Fee(102_217_625_000, 102_217_625_000)
ADD_CALL_KEY_BYTE = Fee(47_683_715, 1_925_331)
DELETE_KEY = Fee(94_946_625_000, 94_946_625_000)
DELEGATE = Fee(200_000_000_000, 200_000_000_000)

# Limits
MAX_GAS = 300_000_000_000_000  # of all calls of a transaction together, and of one call
MAX_ACTIONS = 100
MAX_KEY_METHODS_BYTES = 2_000
MAX_METHOD_NAME = 256
MAX_ARGUMENTS = 4_194_304
MAX_CONTRACT = 4_194_304
MAX_TRANSACTION = 1_572_864
MAX_STORAGE_KEY = 2_048
MAX_STORAGE_VALUE = 4_194_304
MAX_RETURNED_DATA = 4_194_304
MAX_LOGS = 100
MAX_LOG_BYTES = 16_384
MAX_REGISTER = 104_857_600
MAX_REGISTERS = 100
MAX_REGISTERS_BYTES = 1_073_741_824
MAX_PROMISES = 1_024
MAX_DEPENDENCIES = 128
MAX_VIEW_STATE_BYTES = 50_000  # nearcore's default for view_state
INITIAL_MEMORY_PAGES = 1_024
MAX_MEMORY_PAGES = 2_048
MAX_TABLE_ELEMENTS = 10_000

# Inside a contract
WASM_OP = 822_756
LOADING = 35_445_963
LOADING_BYTE = 1_089_295
TRIE_NODE = 16_101_955_926
# nearcore charges each trie node that a write touches; the node keeps no trie and charges the
# nodes of a path in a state of some thousand records.
NODES_PER_WRITE = 10


class HostFee(NamedTuple):
    """Gas of a host operation: for the call, and for each byte (or element) that it handles."""

    base: int
    byte: int = 0


HOST = HostFee(264_768_111)
READ_MEMORY = HostFee(2_609_863_200, 3_801_333)
WRITE_MEMORY = HostFee(2_803_794_861, 2_723_772)
READ_REGISTER = HostFee(2_517_165_186, 98_562)
WRITE_REGISTER = HostFee(2_865_522_486, 3_801_564)
UTF8 = HostFee(3_111_779_061, 291_580_479)
UTF16 = HostFee(3_543_313_050, 163_577_493)
SHA256 = HostFee(4_540_970_250, 24_117_351)
KECCAK256 = HostFee(5_879_491_275, 21_471_105)
KECCAK512 = HostFee(5_811_388_236, 36_649_701)
RIPEMD160 = HostFee(853_675_086, 680_107_584)  # for each block of 64 bytes
ECRECOVER = HostFee(278_821_988_457)
ED25519 = HostFee(210_000_000_000, 9_000_000)
LOG = HostFee(3_543_313_050, 13_198_791)
STORAGE_WRITE = HostFee(64_196_736_000 + NODES_PER_WRITE * TRIE_NODE)
STORAGE_WRITE_KEY = HostFee(0, 70_482_867)
STORAGE_WRITE_VALUE = HostFee(0, 31_018_539)
STORAGE_WRITE_EVICTED = HostFee(0, 32_117_307)
STORAGE_READ = HostFee(56_356_845_750, 30_952_533)
STORAGE_READ_VALUE = HostFee(0, 5_611_005)
STORAGE_REMOVE = HostFee(53_473_030_500 + NODES_PER_WRITE * TRIE_NODE, 38_220_384)
STORAGE_REMOVE_VALUE = HostFee(0, 11_531_556)
STORAGE_HAS_KEY = HostFee(54_039_896_625, 30_790_845)
PROMISE_AND = HostFee(1_465_013_400, 5_452_176)  # for each promise of 8 bytes
PROMISE_RETURN = HostFee(560_152_386)
VALIDATOR_STAKE = HostFee(911_834_726_400)
