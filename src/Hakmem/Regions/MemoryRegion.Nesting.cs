namespace Hakmem;

// The regions within a region: a tree under the lock that all of it shares. A region refers to its live children, so a
// dropped child is freed with its parent.
public sealed unsafe partial class MemoryRegion
{
    private readonly MemoryRegion? _parent;

    // Guarded by _lock.
    private MemoryRegion? _firstChild;
    private MemoryRegion? _nextSibling;
    private MemoryRegion? _previousSibling;

    // Adds a child; false if this region has been disposed.
    private bool TryLink(MemoryRegion child)
    {
        using (_lock.Enter())
        {
            if (_isDisposed)
            {
                return false;
            }

            child._nextSibling = _firstChild;
            if (_firstChild is not null)
            {
                _firstChild._previousSibling = child;
            }

            _firstChild = child;
            return true;
        }
    }

    // A second call does nothing.
    private void UnlinkFromParent()
    {
        _lock.AssertHeld();
        if (_parent is null || _isDisposed)
        {
            return;
        }

        if (_previousSibling is null)
        {
            _parent._firstChild = _nextSibling;
        }
        else
        {
            _previousSibling._nextSibling = _nextSibling;
        }

        if (_nextSibling is not null)
        {
            _nextSibling._previousSibling = _previousSibling;
        }

        _nextSibling = null;
        _previousSibling = null;
    }

    // Disposes the regions within this one, innermost first and without recursion. Returns false if a thread is in a
    // call of one of them; that one and those around it then stay.
    private bool TryDisposeChildren(out HakmemCorruptionException? finding)
    {
        finding = null;
        while (FindLeaf() is { } leaf)
        {
            if (!leaf.TryEnterCall(out bool isOuter))
            {
                return false;
            }

            try
            {
                // Does nothing if the leaf has got a region within it meanwhile, which the next turn finds.
                _ = leaf.TryDisposeChunks(out HakmemCorruptionException? found);
                finding = found ?? finding;
            }
            finally
            {
                leaf.ExitCall(isOuter);
            }
        }

        return true;
    }

    // Returns a region within this one that has none within it; null if there is none.
    private MemoryRegion? FindLeaf()
    {
        using (_lock.Enter())
        {
            MemoryRegion? leaf = _firstChild;
            while (leaf?._firstChild is { } inner)
            {
                leaf = inner;
            }

            return leaf;
        }
    }
}
