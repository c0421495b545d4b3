using System;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// One way to rent a byte buffer, as the buffer workloads see it. The struct is the rental itself: workloads keep an array of
/// them, so pools that hand out objects and allocators that hand out addresses run through the same loop.
/// </summary>
/// <remarks>
/// A struct even where it only wraps a reference: generic code over a reference type is shared between all of them and would
/// look its static members up at run time.
/// </remarks>
/// <typeparam name="TSelf">The rental.</typeparam>
internal interface IBufferSubject<TSelf>
    where TSelf : struct, IBufferSubject<TSelf>
{
    /// <summary>Does what a program would have behind it when it starts, such as loading a library.</summary>
    static virtual void Prepare()
    {
    }

    /// <summary>Rents a buffer of at least <paramref name="byteCount"/> bytes with undefined contents.</summary>
    static abstract TSelf Rent(int byteCount);

    /// <summary>Writes the first and the last byte of the buffer that was asked for, through whatever the pool offers.</summary>
    void Touch(int byteCount);

    /// <summary>Gives the buffer back.</summary>
    void Return();
}
