using System.Threading;

namespace Hakmem;

// What a WaitList links.
internal interface IWaiting<T>
    where T : class, IWaiting<T>
{
    T? Next { get; set; }

    T? Previous { get; set; }
}

// Those that wait, in order of arrival. The owner's lock guards it, but for First and IsEmpty. Not to be copied.
internal struct WaitList<T>
    where T : class, IWaiting<T>
{
    private T? _first;
    private T? _last;

    // Without the lock the answer is of some moment of the call, or a little before.
    public T? First => Volatile.Read(ref _first);

    public bool IsEmpty => First is null;

    public void Append(T item)
    {
        item.Previous = _last;
        item.Next = null;
        if (_last is null)
        {
            Volatile.Write(ref _first, item);
        }
        else
        {
            _last.Next = item;
        }

        _last = item;
    }

    public void Remove(T item)
    {
        if (item.Previous is null)
        {
            Volatile.Write(ref _first, item.Next);
        }
        else
        {
            item.Previous.Next = item.Next;
        }

        if (item.Next is null)
        {
            _last = item.Previous;
        }
        else
        {
            item.Next.Previous = item.Previous;
        }
    }
}
