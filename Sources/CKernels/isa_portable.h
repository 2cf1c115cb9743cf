// 4 lanes: SSE2 on x86-64, NEON on arm64, scalar code elsewhere.
#define CK_WIDTH 4
#if defined(__aarch64__)
#define CK_REGISTERS 32
#define CK_CHAINS 16
#else
#define CK_REGISTERS 16
#define CK_CHAINS 12
#endif
