using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hakmem.Os;

// Prints on standard error which guarded block a fault is at. It runs before the runtime's own SIGSEGV handler, which
// then acts as usual: it throws a NullReferenceException, or ends the process with the faulting thread's stack.
//
// The handler is machine code, listed below, and not a C# method. A fault in managed code leaves its thread where the
// runtime permits no entry from outside (UnmanagedCallersOnly ends the process), and the frame of a plain managed
// method would break a collection that suspends the thread at that moment. The machine code allocates nothing, takes no
// lock, calls only write and writev, and changes nothing.
//
// x86-64 only. Elsewhere, or if a system forbids new executable pages, there is no report and nothing else changes.
internal static unsafe class LinuxFaultReporter
{
    private const int SignalSegmentation = 11;

    // struct sigaction: handler, mask (128 bytes), flags, restorer. glibc and musl agree.
    private const int ActionBytes = 152;
    private const int ActionFlagsOffset = 136;
    private const int FlagInfo = 4;

    private const int CodeBytes = 0xE0;
    private const int LeadBytes = 40;

    private static readonly UninterruptibleLock s_lock = new();
    private static bool s_isInstalled;

    // Whether the code below is for this processor.
    public static bool IsSupported => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    // Installs the handler, once in a process. False if that is impossible.
    public static bool TryInstall(FaultMap map)
    {
        using (s_lock.Enter())
        {
            s_isInstalled = s_isInstalled || (IsSupported && TryInstallX64(map));
            return s_isInstalled;
        }
    }

    private static bool TryInstallX64(FaultMap map)
    {
        s_lock.AssertHeld();
        byte* action = stackalloc byte[ActionBytes];
        if (LinuxNative.SignalAction(SignalSegmentation, null, action) != 0 ||
            (*(int*)(action + ActionFlagsOffset) & FlagInfo) == 0)
        {
            // The present handler does not receive the fault's address, so it cannot be called from this one.
            return false;
        }

        nuint bytes = (nuint)Environment.SystemPageSize;
        byte* code = LinuxNative.Map(
            null, bytes, LinuxNative.ProtectRead | LinuxNative.ProtectWrite, LinuxNative.MapPrivateAnonymous, -1, 0);
        if (code == LinuxNative.MapFailed)
        {
            return false;
        }

        Write(code, map, *(nint*)action);
        *(byte**)action = code;
        int executable = LinuxNative.ProtectRead | LinuxNative.ProtectExecute;
        if (LinuxNative.Protect(code, bytes, executable) == 0 &&
            LinuxNative.SignalAction(SignalSegmentation, action, null) == 0)
        {
            return true;
        }

        _ = LinuxNative.Unmap(code, bytes);
        return false;
    }

    // Writes the code, followed by the data that it addresses relative to itself.
    private static void Write(byte* page, FaultMap map, nint previous)
    {
        ReadOnlySpan<byte> lead = "Hakmem: memory fault at a guard page, 0x"u8;
        Debug.Assert(Code.Length == CodeBytes && lead.Length == LeadBytes, "The code's offsets of its data are wrong.");
        Code.CopyTo(new Span<byte>(page, CodeBytes));
        nuint* data = (nuint*)(page + CodeBytes);
        data[0] = (nuint)map.ArenaBase;
        data[1] = map.ArenaBytes;
        data[2] = (nuint)map.PageMap;
        data[3] = (nuint)map.SpanHeaders;
        data[4] = (nuint)previous;
        lead.CopyTo(new Span<byte>(data + 5, LeadBytes));
    }

    // void handler(int signal /* edi */, siginfo* info /* rsi */, ucontext* context /* rdx */)
    private static ReadOnlySpan<byte> Code =>
    [
        0x48, 0x8b, 0x46, 0x10,                         // 00  mov  rax, [rsi+16]       the address of the fault
        0x4c, 0x8b, 0x05, 0xd5, 0x00, 0x00, 0x00,       // 04  mov  r8, [base]
        0x49, 0x89, 0xc1,                               // 0b  mov  r9, rax
        0x4d, 0x29, 0xc1,                               // 0e  sub  r9, r8
        0x4c, 0x3b, 0x0d, 0xd0, 0x00, 0x00, 0x00,       // 11  cmp  r9, [bytes]
        0x0f, 0x83, 0xb9, 0x00, 0x00, 0x00,             // 18  jae  previous            outside the arena
        0x49, 0x89, 0xc1,                               // 1e  mov  r9, rax
        0x49, 0xc1, 0xe9, 0x10,                         // 21  shr  r9, 16
        0x41, 0x81, 0xe1, 0xff, 0xff, 0xff, 0x00,       // 25  and  r9d, 0xffffff
        0x4c, 0x8b, 0x15, 0xbd, 0x00, 0x00, 0x00,       // 2c  mov  r10, [pageMap]
        0x4f, 0x8b, 0x0c, 0xca,                         // 33  mov  r9, [r10+r9*8]      the unit's entry
        0x4d, 0x89, 0xca,                               // 37  mov  r10, r9
        0x49, 0xc1, 0xea, 0x30,                         // 3a  shr  r10, 48
        0x41, 0x81, 0xfa, 0xfe, 0xff, 0x00, 0x00,       // 3e  cmp  r10d, 0xfffe
        0x0f, 0x85, 0x8c, 0x00, 0x00, 0x00,             // 45  jne  previous            not of a guarded block
        0x49, 0xc1, 0xe1, 0x10,                         // 4b  shl  r9, 16
        0x49, 0xc1, 0xe9, 0x10,                         // 4f  shr  r9, 16              the range's address
        0x4d, 0x29, 0xc1,                               // 53  sub  r9, r8
        0x49, 0xc1, 0xe9, 0x0a,                         // 56  shr  r9, 10              64 bytes of span header a unit
        0x4c, 0x8b, 0x15, 0x97, 0x00, 0x00, 0x00,       // 5a  mov  r10, [spanHeaders]
        0x4f, 0x8b, 0x4c, 0x0a, 0x20,                   // 61  mov  r9, [r10+r9+32]     the block's record
        0x4d, 0x85, 0xc9,                               // 66  test r9, r9
        0x74, 0x6c,                                     // 69  jz   previous
        0x57, 0x56, 0x52, 0x41, 0x51,                   // 6b  push rdi, rsi, rdx, r9
        0x48, 0x83, 0xec, 0x50,                         // 70  sub  rsp, 80
        0x48, 0x89, 0xe7,                               // 74  mov  rdi, rsp
        0x48, 0x8d, 0x35, 0x8a, 0x00, 0x00, 0x00,       // 77  lea  rsi, [lead]
        0xb9, 0x28, 0x00, 0x00, 0x00,                   // 7e  mov  ecx, 40
        0xf3, 0xa4,                                     // 83  rep movsb
        0xb9, 0x10, 0x00, 0x00, 0x00,                   // 85  mov  ecx, 16
        0x48, 0xc1, 0xc0, 0x04,                         // 8a  rol  rax, 4              16 digits, the highest first
        0x89, 0xc2,                                     // 8e  mov  edx, eax
        0x83, 0xe2, 0x0f,                               // 90  and  edx, 15
        0x83, 0xfa, 0x0a,                               // 93  cmp  edx, 10
        0x72, 0x03,                                     // 96  jb   9b
        0x83, 0xc2, 0x27,                               // 98  add  edx, 'a' - '9' - 1
        0x83, 0xc2, 0x30,                               // 9b  add  edx, '0'
        0x88, 0x17,                                     // 9e  mov  [rdi], dl
        0x48, 0xff, 0xc7,                               // a0  inc  rdi
        0xff, 0xc9,                                     // a3  dec  ecx
        0x75, 0xe3,                                     // a5  jnz  8a
        0xc6, 0x07, 0x20,                               // a7  mov  byte [rdi], ' '
        0xb8, 0x01, 0x00, 0x00, 0x00,                   // aa  mov  eax, 1              write(2, rsp, 57)
        0xbf, 0x02, 0x00, 0x00, 0x00,                   // af  mov  edi, 2
        0x48, 0x89, 0xe6,                               // b4  mov  rsi, rsp
        0xba, 0x39, 0x00, 0x00, 0x00,                   // b7  mov  edx, 57
        0x0f, 0x05,                                     // bc  syscall
        0x48, 0x83, 0xc4, 0x50,                         // be  add  rsp, 80
        0x5e,                                           // c2  pop  rsi                 the record's FaultText
        0xb8, 0x14, 0x00, 0x00, 0x00,                   // c3  mov  eax, 20             writev(2, rsi, 4)
        0xbf, 0x02, 0x00, 0x00, 0x00,                   // c8  mov  edi, 2
        0xba, 0x04, 0x00, 0x00, 0x00,                   // cd  mov  edx, 4
        0x0f, 0x05,                                     // d2  syscall
        0x5a, 0x5e, 0x5f,                               // d4  pop  rdx, rsi, rdi
        0xff, 0x25, 0x23, 0x00, 0x00, 0x00,             // d7  jmp  [previous]          the runtime's handler
        0x0f, 0x1f, 0x00,                               // dd  nop
    ];
}
