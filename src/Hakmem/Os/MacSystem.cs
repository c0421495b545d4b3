namespace Hakmem.Os;

// The system calls of MacMemory, with the constants of xnu; a test replaces them by a recorder. None is variadic:
// Arm64 macOS passes variable arguments in another way than named ones.
internal unsafe class MacSystem
{
    public const int ProtectNone = 0;
    public const int ProtectRead = 1;
    public const int ProtectWrite = 2;

    public const int MapPrivateAnonymous = 0x0002 | 0x1000;
    public const int MapFixed = 0x0010;
    public const int MapNoReserve = 0x0040;

    // VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_1).
    public const int MemoryTag = 240 << 24;

    // VM_FLAGS_4GB_CHUNK: memory that nobody shares is otherwise described in parts of 128 MiB.
    public const int InLargeParts = 0x4;

    public static byte* MapFailed => (byte*)-1;

    public virtual byte* Map(byte* address, nuint bytes, int protection, int flags, int file, long offset) =>
        MacNative.Map(address, bytes, protection, flags, file, offset);

    public virtual int Unmap(byte* address, nuint bytes) => MacNative.Unmap(address, bytes);

    public virtual int Protect(byte* address, nuint bytes, int protection) =>
        MacNative.Protect(address, bytes, protection);
}
