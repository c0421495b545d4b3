using System;

namespace Hakmem.Os;

// Looks into this process's own memory by system calls, which refuse where a load would fault: other threads may unmap
// anything meanwhile. Virtual so that tests can describe any memory.
internal unsafe class MemoryProbe
{
    private const int NoSuchCall = 38;

    // Containers may forbid the call that reads memory.
    private bool _isRefused;

    public virtual nuint PageSize { get; } = (nuint)LinuxNative.PageSize();

    // Reads two words; false if they cannot be read.
    public virtual bool TryReadWords(nuint address, out nuint first, out nuint second)
    {
        nuint* words = stackalloc nuint[2];
        nuint* into = stackalloc nuint[2] { (nuint)words, 2 * (nuint)sizeof(nuint) };
        nuint* from = stackalloc nuint[2] { address, 2 * (nuint)sizeof(nuint) };
        nint count = _isRefused ? -1 : LinuxNative.ReadProcess(LinuxNative.ProcessId(), into, 1, from, 1, 0);
        _isRefused |= count < 0 && LinuxNative.LastError is LinuxNative.ErrorNotPermitted or NoSuchCall;
        bool isRead = count == 2 * sizeof(nuint);
        first = isRead ? words[0] : 0;
        second = isRead ? words[1] : 0;
        return isRead;
    }

    // The resident bytes from one page to another; negative if the system does not say.
    public virtual long CountResident(nuint start, nuint end) => ResidentPages.Count(start, end, PageSize);
}
