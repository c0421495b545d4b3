using System;
using Hakmem.Os;

namespace Hakmem.Profiling;

// Whose blocks a thread allocates: samples name it.
internal interface ISampleOwner
{
    // Tells owners apart, for the life of the process.
    ulong Number { get; }

    // May take long; called once for each stack and owner.
    string Path { get; }
}

// From Of to Dispose the calling thread's samples belong to an owner. Not to be copied.
internal readonly ref struct SampleOwnership
{
    // The line that names the owner, in front of the frames of a stack's text, which begin with blanks.
    public const string LinePrefix = "tag ";

    // Longer paths lose their beginning.
    public const int MaxPathLength = 512;

    [ThreadStatic]
    private static ISampleOwner? t_current;

    private readonly ISampleOwner? _before;
    private readonly bool _hasBegun;

    private SampleOwnership(ISampleOwner owner)
    {
        ManagedMemory.Need();
        _before = t_current;
        _hasBegun = true;
        t_current = owner;
    }

    // Null unless there is an owner.
    public static ISampleOwner? Current
    {
        get
        {
            ManagedMemory.Need();
            return t_current;
        }
    }

    // Does nothing without an owner. Never throws: a thread's first use of the field needs managed memory, without
    // which samples are lost anyway.
    public static SampleOwnership Of(ISampleOwner? owner)
    {
        try
        {
            return owner is null ? default : new SampleOwnership(owner);
        }
        catch (OutOfMemoryException)
        {
            return default;
        }
    }

    // The line for an owner.
    public static string LineOf(ISampleOwner owner)
    {
        string path = owner.Path.Replace('\n', ' ');
        if (path.Length > MaxPathLength)
        {
            int begin = path.Length - MaxPathLength + 1;
            path = "…" + path[(char.IsLowSurrogate(path[begin]) ? begin + 1 : begin)..];
        }

        return LinePrefix + path + "\n";
    }

    public void Dispose()
    {
        if (_hasBegun)
        {
            t_current = _before;
        }
    }
}
