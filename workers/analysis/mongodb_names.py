"""MongoDB's command names, and names of the error codes that are met most (MongoDB manual, "Database Commands")."""

COMMANDS = frozenset(
    "abortTransaction aggregate authenticate autoCompact buildInfo bulkWrite collMod collStats commitTransaction"
    " compact connPoolStats connectionStatus convertToCapped count create createIndexes createRole createUser"
    " currentOp dataSize dbHash dbStats delete distinct drop dropAllUsersFromDatabase dropConnections dropDatabase"
    " dropIndexes dropUser endSessions enableSharding explain features find findAndModify findandmodify"
    " flushRouterConfig forceerror fsync getCmdLineOpts getDefaultRWConcern getLastError getLog getMore"
    " getParameter getShardMap getnonce getlasterror grantRolesToUser hello hostInfo insert isMaster isdbgrid"
    " ismaster killAllSessions killCursors killOp killSessions listCollections listCommands listDatabases"
    " listIndexes listShards lockInfo logRotate logout mapReduce ping planCacheClear profile reIndex"
    " refreshSessions renameCollection replSetFreeze replSetGetConfig replSetGetStatus replSetHeartbeat"
    " replSetInitiate replSetReconfig replSetRequestVotes replSetStepDown replSetUpdatePosition"
    " revokeRolesFromUser rolesInfo saslContinue saslStart serverStatus setFeatureCompatibilityVersion"
    " setParameter shardCollection shutdown startSession top update updateUser usersInfo validate whatsmyip".split()
)
ERRORS = {
    2: "BadValue", 6: "HostUnreachable", 7: "HostNotFound", 8: "UnknownError", 9: "FailedToParse", 11: "UserNotFound",
    13: "Unauthorized", 14: "TypeMismatch", 18: "AuthenticationFailed", 20: "IllegalOperation", 24: "LockTimeout",
    26: "NamespaceNotFound", 27: "IndexNotFound", 43: "CursorNotFound", 46: "LockBusy", 48: "NamespaceExists",
    50: "MaxTimeMSExpired", 59: "CommandNotFound", 64: "WriteConcernFailed", 65: "MultipleErrorsOccurred",
    72: "InvalidOptions", 73: "InvalidNamespace", 85: "IndexOptionsConflict", 86: "IndexKeySpecsConflict",
    89: "NetworkTimeout", 91: "ShutdownInProgress", 96: "OperationFailed", 100: "UnsatisfiableWriteConcern",
    112: "WriteConflict", 121: "DocumentValidationFailure", 133: "FailedToSatisfyReadPreference",
    134: "ReadConcernMajorityNotAvailableYet", 136: "CappedPositionLost", 146: "ExceededMemoryLimit",
    166: "CommandNotSupportedOnView", 175: "QueryPlanKilled", 189: "PrimarySteppedDown",
    197: "InvalidIndexSpecificationOption", 202: "NetworkInterfaceExceededTimeLimit", 225: "TransactionTooOld",
    237: "CursorKilled", 239: "SnapshotTooOld", 244: "TransactionAborted", 246: "SnapshotUnavailable",
    251: "NoSuchTransaction", 256: "TransactionCommitted",
    262: "ExceededTimeLimit", 263: "OperationNotSupportedInTransaction", 279: "ClientDisconnect",
    292: "QueryExceededMemoryLimitNoDiskUseAllowed", 334: "MechanismUnavailable", 10107: "NotWritablePrimary",
    11000: "DuplicateKey", 11600: "InterruptedAtShutdown", 11601: "Interrupted",
    11602: "InterruptedDueToReplStateChange",
    13388: "StaleConfig", 13435: "NotPrimaryNoSecondaryOk", 13436: "NotPrimaryOrSecondary",
}  # fmt: skip


def command(name: bytes) -> str:
    """A command's name, "other" for what is none."""
    text = name.decode("latin-1")
    return text if text in COMMANDS else "other"


def error(code: int) -> str:
    """The name of an error code, or its number."""
    return ERRORS.get(code, str(code))
