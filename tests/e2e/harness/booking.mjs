// The booking back-end: what it says of appointments and people.

import { APPOINTMENTS, appointmentPath, userPath } from './paths.mjs';

/** In Paris 14:30 on a Thursday, in winter. */
export const WINTER = '2026-03-12T13:30:00.000Z';
/** In Paris 9:00 on a Thursday, in summer. */
export const SUMMER = '2026-04-02T07:00:00.000Z';

let booked = 0;

/** A new appointment of the two, as a body; `fields` add to it or replace, undefined removes. */
export function appointmentOf(salon, client, fields = {}) {
    return {
        appointmentId: `rdv-${++booked}`,
        salonId: salon.id,
        clientUserId: client.id,
        prestation: 'Tatouage',
        start: WINTER,
        status: 'CONFIRMED',
        ...fields,
    };
}

export class BookingSite {
    /** `person` has the role service. */
    constructor(person) {
        this.person = person;
    }

    book(body) {
        return this.person.post(APPOINTMENTS, body);
    }

    change(appointmentId, fields) {
        return this.person.patch(appointmentPath(appointmentId), fields);
    }

    putUser(id, fields) {
        return this.person.put(userPath(id), fields);
    }

    getUser(id) {
        return this.person.get(userPath(id));
    }

    eraseUser(id) {
        return this.person.delete(userPath(id));
    }
}
